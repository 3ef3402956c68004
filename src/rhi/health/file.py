"""file: a file is there, is fresh, holds something; or is not there, such as the mark of a maintenance.

The look is taken in a thread: on a file server that hangs it never returns. Then every later look fails at
once, and no other check is held up.
"""

import os
import stat
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from rhi.errors import InvalidValueError
from rhi.health.base import CannotTellError, Check, FilePath, Result, Seconds
from rhi.health.context import Context
from rhi.health.matching import Pattern, occurs

_MAX_READ: Final = 64 * 1024


class FileCheck(Check):
    """Looks at one regular file; symbolic links are followed."""

    type: Literal["file"] = "file"
    path: FilePath
    """The file."""
    present: bool = True
    """Whether it must be there; with false, it must not."""
    max_age: Annotated[Seconds, Field(gt=0, le=10 * 365 * 86400)] | None = None
    """Seconds since its last change that are not too many."""
    contains: Pattern | None = None
    """What must occur in its first 64 KiB; `*` stands for anything."""

    @model_validator(mode="after")
    def _absent_is_all(self) -> Self:
        for name in ("max_age", "contains"):
            if not self.present and getattr(self, name) is not None:
                raise InvalidValueError(f"{name}: has no effect with present = false")
        return self

    async def probe(self, context: Context) -> Result:
        """One look."""
        now = context.tools.wall_clock()
        return await context.tools.threads.run(context.key, lambda: self._look(now))

    def _look(self, now: float) -> Result:
        try:
            # A pipe without a writer would block, and a device might do anything.
            file = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return Result(not self.present, f"{self.path}: is not there")
        except PermissionError as error:
            raise CannotTellError(f"{self.path}: {error.strerror}") from None
        except OSError as error:
            return Result(False, f"{self.path}: {error.strerror}")
        try:
            if not self.present:
                return Result(False, f"{self.path}: is there")
            return self._judge(file, now)
        except OSError as error:
            return Result(False, f"{self.path}: {error.strerror}")
        finally:
            os.close(file)

    def _judge(self, file: int, now: float) -> Result:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            return Result(False, f"{self.path}: is no regular file")
        age = max(0.0, now - found.st_mtime)
        measured = {"age": age}
        if self.max_age is not None and age > self.max_age:
            return Result(
                False, f"{self.path}: changed {age:.0f} s ago, more than {self.max_age:g}", measured
            )
        if self.contains is not None and not occurs(self.contains, os.read(file, _MAX_READ)):
            return Result(False, f"{self.path}: lacks {self.contains!r}", measured)
        return Result(True, f"{self.path}: is there", measured)
