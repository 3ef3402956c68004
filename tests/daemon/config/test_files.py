"""Files that are none: neither wait for ever nor fill the memory."""

import os
import select
from pathlib import Path

import pytest

from rhi.daemon.config import files
from rhi.daemon.config.files import read_file


def test_read_file_gives_what_is_in_it_and_one_byte_more_than_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100_000)

    assert read_file(str(file), 100_000) == b"x" * 100_000
    assert read_file(str(file), 70_000) == b"x" * 70_001
    file.write_bytes(b"")
    assert read_file(str(file), 10) == b""


def test_read_file_without_an_end_stops() -> None:
    assert len(read_file("/dev/zero", 200_000)) == 200_001


def test_read_file_of_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_file(str(tmp_path), 10)


def test_read_file_of_a_pipe_that_nobody_writes_to_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIPE_TIME", 0.01)
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="is a pipe that nobody writes to"):
        read_file(str(tmp_path / "pipe"), 10)


@pytest.mark.parametrize("written", [b"as_number = 65001", b""])
def test_read_file_of_a_pipe_waits_for_its_first_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bytes
) -> None:
    """It comes a moment after the reader; one that ends without a word is not waited for again."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    poll, waited = select.poll, []

    def write_first() -> select.poll:
        waited.append(pipe)
        pipe.write_bytes(written)
        return poll()

    monkeypatch.setattr(select, "poll", write_first)

    if written:
        assert read_file(str(pipe), 100) == written
    else:
        with pytest.raises(OSError, match="is a pipe that nobody writes to"):
            read_file(str(pipe), 100)
    assert len(waited) == 1


def test_read_file_of_a_silent_terminal_calls_it_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIPE_TIME", 0.01)
    ours, theirs = os.openpty()
    try:
        with pytest.raises(OSError, match=r"is a terminal, and nothing came from it for 0\.01 s"):
            read_file(os.ttyname(theirs), 10)
    finally:
        os.close(ours)
        os.close(theirs)


def test_read_file_of_a_silent_pipe_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIPE_TIME", 0.01)
    reader, writer = os.pipe()
    try:
        with pytest.raises(OSError, match=r"is a pipe, and nothing came from it for 0\.01 s"):
            read_file(f"/dev/fd/{reader}", 10)
    finally:
        os.close(reader)
        os.close(writer)


def test_read_file_of_a_pipe_of_another_program_is_what_it_wrote() -> None:
    """As a shell gives one with <(COMMAND)."""
    reader, writer = os.pipe()
    os.write(writer, b"as_number = 65001")
    os.close(writer)
    try:
        assert read_file(f"/dev/fd/{reader}", 100) == b"as_number = 65001"
    finally:
        os.close(reader)
