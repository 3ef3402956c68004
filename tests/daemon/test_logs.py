import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from rhi.daemon import logs
from rhi.daemon.history import Entry
from rhi.daemon.logs import Log

TIME = datetime(2024, 5, 1, 12, 0, 0, 250000, tzinfo=UTC)


def entry(kind: str, subject: str, text: str, **data: Any) -> Entry:
    return Entry(number=1, time=TIME, kind=kind, subject=subject, text=text, data=data)


class Pipe:
    """Both ends of a pipe."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()

    def lines(self) -> list[str]:
        """All that was written; the pipe is over then."""
        os.close(self.write_end)
        with os.fdopen(self.read_end, "rb", closefd=False) as stream:
            return stream.read().decode().splitlines()


@pytest.fixture(autouse=True)
def _patient_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for a second loses no lines here."""
    monkeypatch.setattr(logs, "CLOSE_TIME", 20.0)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    found = Pipe()
    yield found
    for end in (found.read_end, found.write_end):
        with contextlib.suppress(OSError):
            os.close(end)


def test_log_text_is_one_line_for_each_entry(pipe: Pipe) -> None:
    log = Log("text", "info", pipe.write_end)

    log(entry("route", "203.0.113.1", "announced (service dns)"))
    log(entry("start", "", "every service is decided"))
    log.close()

    assert pipe.lines() == [
        "2024-05-01T12:00:00.250+00:00 INFO route 203.0.113.1: announced (service dns)",
        "2024-05-01T12:00:00.250+00:00 INFO start: every service is decided",
    ]


def test_log_text_of_strangers_begins_no_line(pipe: Pipe) -> None:
    log = Log("text", "info", pipe.write_end)

    log(entry("session", "192.0.2.1", "is down: bye\n<0>forged \x1b[31m\ud800"))
    log.close()

    (line,) = pipe.lines()
    assert line.endswith(r"is down: bye <0>forged  [31m ")


def test_log_json_is_one_object_for_each_entry(pipe: Pipe) -> None:
    log = Log("json", "info", pipe.write_end)

    log(entry("alarm", "guard default", "tripped\nagain", active=True, strange={1}))
    log.close()

    (line,) = pipe.lines()
    assert json.loads(line) == {
        "time": "2024-05-01T12:00:00.250+00:00",
        "level": "error",
        "kind": "alarm",
        "subject": "guard default",
        "text": "tripped\nagain",
        "data": {"active": True, "strange": "{1}"},
    }


def test_log_level_leaves_out_what_is_less(pipe: Pipe) -> None:
    log = Log("text", "warning", pipe.write_end)

    log(entry("route", "203.0.113.1", "withdrawn"))
    log(entry("route", "203.0.113.1", "announced, kept by floor", kept_by="floor"))
    log(entry("override", "dns", "drain by ann: kernel"))
    log(entry("session", "192.0.2.1", "is down: x", event="session_down", established=False))
    log(entry("session", "192.0.2.1", "is down: y", event="session_down", established=True))
    log(entry("alarm", "guard default", "over: tripped", active=False))
    log(entry("alarm", "guard default", "tripped", active=True))
    log.close()

    assert [line.split()[1:4] for line in pipe.lines()] == [
        ["WARNING", "route", "203.0.113.1:"],
        ["WARNING", "override", "dns:"],
        ["WARNING", "session", "192.0.2.1:"],
        ["ERROR", "alarm", "guard"],
    ]


def test_log_for_the_journal_has_priorities_and_no_time(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.fstat(pipe.write_end)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    log = Log("text", "info", pipe.write_end)

    log(entry("alarm", "reload", "refused", active=True))
    log.close()

    assert pipe.lines() == ["<3>ERROR alarm reload: refused"]


def test_log_takes_what_the_library_logs(pipe: Pipe) -> None:
    log = Log("text", "info", pipe.write_end)
    logger = logging.Logger("rhi")
    logger.addHandler(log.handler())

    logger.debug("too little")
    logger.error("observer failed on %s", "SessionUp")
    log.close()

    (line,) = pipe.lines()
    assert line.partition(" ")[2] == "ERROR log rhi: observer failed on SessionUp"


def test_log_that_nobody_reads_holds_up_nobody_and_counts(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_WAITING", 50)
    log = Log("text", "info", pipe.write_end)
    lines = 70_000 // 100 + 200  # more than a pipe and the queue hold

    for number in range(lines):
        log(entry("route", f"203.0.113.{number}", "x" * 100))
    assert log.dropped > 0

    found: list[str] = []

    def read() -> None:
        with open(pipe.read_end, closefd=False) as stream:
            found.extend(stream)

    reader = threading.Thread(target=read)
    reader.start()
    log.close()
    os.close(pipe.write_end)
    reader.join(30)
    told = [line for line in found if "lines lost here" in line]
    assert len(found) - len(told) + log.dropped == lines
    assert sum(int(line.split()[1]) for line in told) == log.dropped


def test_log_whose_reader_has_gone_is_silent(pipe: Pipe) -> None:
    log = Log("text", "info", pipe.write_end)
    os.close(pipe.read_end)

    log(entry("route", "203.0.113.1", "announced"))
    log.close()

    assert not log._thread.is_alive()
