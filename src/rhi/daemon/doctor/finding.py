"""One thing that is wrong with a configuration on a host."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

# Names that a sentence bears.
_NAMED: Final = 3


class Severity(enum.Enum):
    """How bad it is; the worst first."""

    ERROR = "error"  # something will not work
    WARNING = "warning"  # something may not do what is meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What it is, and the remedy.

    Attributes:
        code: names the kind of finding, for programs.
        subject: what it is about, such as `peer 192.0.2.1` or `listen 0.0.0.0:179`.
        text: one sentence.
        remedy: what to do.
    """

    severity: Severity
    code: str
    subject: str
    text: str
    remedy: str

    def line(self) -> str:
        """For people."""
        return f"{self.severity.value}: {self.subject}: {self.text}; {self.remedy}"

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "severity": self.severity.value,
            "code": self.code,
            "subject": self.subject,
            "text": self.text,
            "remedy": self.remedy,
        }


def named(names: Sequence[object]) -> str:
    """Some of them, and how many more there are."""
    text = ", ".join(map(str, names[:_NAMED]))
    return text if len(names) <= _NAMED else f"{text} and {len(names) - _NAMED} more"


def error(code: str, subject: str, text: str, remedy: str) -> Finding:
    """Something that will not work."""
    return Finding(severity=Severity.ERROR, code=code, subject=subject, text=text, remedy=remedy)


def warning(code: str, subject: str, text: str, remedy: str) -> Finding:
    """Something that may not do what is meant."""
    return Finding(severity=Severity.WARNING, code=code, subject=subject, text=text, remedy=remedy)
