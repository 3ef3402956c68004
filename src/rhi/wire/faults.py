"""What is wrong with an UPDATE, and what becomes of it (RFC 7606 §2).

Which treatment belongs to which attribute is a column of the table in `attributes`. AFI/SAFI disable, the
fourth treatment of the RFC, is not used: where it is allowed, so is a session reset.
"""

import enum
from typing import Final, NamedTuple

from rhi.errors import NotificationError
from rhi.wire.iana import ErrorCode

# An UPDATE has room for thousands of faults; a few are enough to find its author.
MAX_FAULTS: Final = 8


class Treatment(enum.IntEnum):
    """What is done about a fault; of several the strongest counts (RFC 7606 §3 h)."""

    ATTRIBUTE_DISCARD = 1
    TREAT_AS_WITHDRAW = 2
    SESSION_RESET = 3

    @property
    def label(self) -> str:
        """The RFC's words: `attribute discard`, `treat-as-withdraw`, `session reset`."""
        return _LABELS[self]


_LABELS: Final = {
    Treatment.ATTRIBUTE_DISCARD: "attribute discard",
    Treatment.TREAT_AS_WITHDRAW: "treat-as-withdraw",
    Treatment.SESSION_RESET: "session reset",
}


class Fault(NamedTuple):
    """One thing that is wrong.

    `code` is the attribute's, 0 where that is not known; `subcode` and `data` are of the NOTIFICATION that a
    session reset would take; `detail` is for people.
    """

    code: int
    treatment: Treatment
    subcode: int
    data: bytes
    detail: str

    def error(self) -> NotificationError:
        """The fault as what ends the session."""
        return NotificationError(ErrorCode.UPDATE_MESSAGE, self.subcode, self.data, self.detail)


class Faults(list[Fault]):
    """The faults of one UPDATE, found one by one: the first few, and one of the strongest treatment."""

    def note(self, fault: Fault) -> None:
        """Take one in.

        Raises:
            NotificationError: its treatment is a session reset: nothing else counts any more.
        """
        if fault.treatment is Treatment.SESSION_RESET:
            raise fault.error()
        if len(self) < MAX_FAULTS:
            self.append(fault)
        elif fault.treatment > max(known.treatment for known in self):
            self[-1] = fault
