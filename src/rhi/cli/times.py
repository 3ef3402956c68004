"""Instants of the API, which are UTC, as people at a terminal read them: in local time."""

from datetime import datetime


def clock(instant: str) -> str:
    """The time of day, with the day when that is another than today."""
    found = datetime.fromisoformat(instant).astimezone()
    is_today = found.date() == datetime.now().astimezone().date()
    return found.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")


def full_clock(instant: str) -> str:
    """Day and time, with thousandths."""
    found = datetime.fromisoformat(instant).astimezone()
    return found.strftime("%Y-%m-%d %H:%M:%S.") + f"{found.microsecond // 1000:03}"


def seconds_between(earlier: str, later: str) -> float:
    """Seconds from one instant to another."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
