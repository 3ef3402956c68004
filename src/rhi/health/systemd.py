"""systemd: a unit is active.

`systemctl show` is asked: its output is promised to stay as it is, and it finds the manager with or without
a D-Bus daemon. When systemd itself does not answer, that says nothing of the unit: an alarm, and no
verdict.
"""

import asyncio
import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, Strict

from rhi.errors import InvalidValueError
from rhi.health.base import CannotTellError, Check, Result, Slot, one_line
from rhi.health.command import run_command
from rhi.health.context import Context

_PROPERTIES: Final = ("LoadState", "ActiveState", "SubState")
State = Literal["active", "reloading", "activating", "deactivating", "inactive", "failed", "maintenance"]


def to_unit(name: str) -> str:
    """The name of a unit as systemd has it.

    Raises:
        InvalidValueError: no unit has such a name, or it lacks its suffix.
    """
    if not re.fullmatch(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*\.[a-z]+", name):
        raise InvalidValueError("must be the name of a unit with its suffix, such as unbound.service")
    return name


class SystemdCheck(Check):
    """Asks the system's manager for the state of a unit."""

    slot: ClassVar[Slot | None] = Slot.PROCESS

    type: Literal["systemd"] = "systemd"
    unit: Annotated[str, Field(max_length=255), AfterValidator(to_unit)]
    """Name of the unit with its suffix, such as `unbound.service`."""
    states: Annotated[tuple[State, ...], Strict(False), Field(min_length=1)] = ("active", "reloading")
    """Active states that pass."""

    async def probe(self, context: Context) -> Result:
        """One question to the manager."""
        argv = ["systemctl", "show", "--no-pager", f"--property={','.join(_PROPERTIES)}", "--", self.unit]
        try:
            outcome = await run_command(argv, {}, context, self.timeout)
        except asyncio.CancelledError:
            raise CannotTellError("systemd did not answer in time") from None
        lines = outcome.output.decode("utf-8", "replace").splitlines()
        found = dict(line.partition("=")[::2] for line in lines if "=" in line)
        if outcome.code != 0 or not set(_PROPERTIES) <= set(found):
            words = one_line(outcome.output, 120)
            raise CannotTellError(f"systemctl tells nothing of {self.unit}: {outcome.words}: {words}")
        if found["LoadState"] not in ("loaded", "masked"):
            return Result(False, f"{self.unit}: {found['LoadState']}")
        state = f"{found['ActiveState']} ({found['SubState']})"
        return Result(found["ActiveState"] in self.states, f"{self.unit}: {state}")
