"""What a drain tells of itself: how far it is, and how it ended.

    mark ──► flush_marks ──► wait ──► withdraw ──► flush_withdrawals ──► close ──► done
      │           │            │          │                │
      └───────────┴────────────┴──────────┴────────────────┴──► cancelled or superseded

`wait` is left out when there is nobody or nothing to wait for, `close` unless it was asked for.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class DrainStep(enum.Enum):
    """Where a drain is; the last three are ends."""

    MARK = "mark"
    FLUSH_MARKS = "flush_marks"
    WAIT = "wait"
    WITHDRAW = "withdraw"
    FLUSH_WITHDRAWALS = "flush_withdrawals"
    CLOSE = "close"
    DONE = "done"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"

    @property
    def is_end(self) -> bool:
        """Nothing comes after it."""
        return self in (DrainStep.DONE, DrainStep.CANCELLED, DrainStep.SUPERSEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How a drain ended: true when it is done and every established peer has acknowledged all of it.

    Attributes:
        outcome: DONE; CANCELLED by `cancel`; SUPERSEDED by a later word: another drain of the same, the same
            routes announced or withdrawn by themselves, `replace` for a drain of some routes, `close`.
        withdrawn: routes that the drain withdrew.
        behind_marks, behind_withdrawals: established peers whose TCP had not acknowledged the marks, or the
            withdrawals, when `flush_timeout` was over, and what they were behind with.
    """

    outcome: DrainStep
    withdrawn: int = 0
    behind_marks: Mapping[str, str] = field(default_factory=dict, hash=False)
    behind_withdrawals: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __bool__(self) -> bool:
        return self.outcome is DrainStep.DONE and not self.behind_marks and not self.behind_withdrawals
