"""exec: a program of the operator's own says so with its exit code, and if asked to, with its output."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, Strict

from rhi.health.base import Check, Result, Slot, Text, one_line
from rhi.health.command import run_command
from rhi.health.context import Context
from rhi.health.matching import NumberSet, Pattern, numbers, occurs


class ExecCheck(Check):
    """Starts a program, without a shell, and waits for its end."""

    slot: ClassVar[Slot | None] = Slot.PROCESS

    type: Literal["exec"] = "exec"
    command: Annotated[tuple[Text, ...], Strict(False), Field(min_length=1, max_length=64)]
    """The program and its arguments, one by one."""
    environment: Annotated[dict[Text, Annotated[str, Field(max_length=4000)]], Field(max_length=64)] = Field(
        default_factory=dict
    )
    """Variables for the program besides PATH and LANG; ours are not passed on."""
    exit_codes: NumberSet = "0"
    """Exit codes that pass."""
    output: Pattern | None = None
    """What must occur in its output; `*` stands for anything."""

    async def probe(self, context: Context) -> Result:
        """One run."""
        outcome = await run_command(self.command, self.environment, context, self.timeout)
        words = one_line(outcome.output.lstrip().partition(b"\n")[0], 150)
        detail = outcome.words + (f": {words}" if words else "")
        if outcome.code not in numbers(self.exit_codes):
            return Result(False, detail)
        if self.output is not None and not occurs(self.output, outcome.output):
            return Result(False, f"{outcome.words}, but the output lacks {self.output!r}")
        return Result(True, detail)
