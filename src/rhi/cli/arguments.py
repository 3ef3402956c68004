"""Command-line arguments with one-sentence errors, and how a verb ends."""

import argparse
import difflib
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, TypeVar

from rhi.cli.output import complain
from rhi.errors import InvalidValueError, RhiError

T = TypeVar("T")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that takes options anywhere, and says what is wrong in one line."""

    def parse(self, words: list[str]) -> argparse.Namespace:
        """The arguments; ends the program when they are wrong."""
        for word in words:
            # before argparse takes the value of an option that it does not know for an argument
            if word.startswith("--") and word.partition("=")[0] not in self._option_string_actions:
                self.error(self._unknown(word))
        # plain parse_args knows no ROUTE behind an option that follows PEER
        return self.parse_intermixed_args(words)

    def error(self, message: str) -> NoReturn:
        fail(self.prog, f"{self._reword(message)} (try {self.prog} --help)", 2)

    def _reword(self, message: str) -> str:
        kind, _, rest = message.partition(": ")
        if kind == "the following arguments are required":
            return f"{rest} missing"
        if kind == "unrecognized arguments":
            return self._unknown(rest)
        # what a positional is called stands in its own message; an option's name helps
        return re.sub(r"^argument ([A-Z_]+: )?", "", message)

    def _unknown(self, text: str) -> str:
        option = next((word for word in text.split() if word.startswith("-")), None)
        if option is None:
            return f"too many arguments: {text}"
        close = difflib.get_close_matches(option.partition("=")[0], self._option_string_actions, 1)
        return f"unknown option {option}" + (f"; did you mean {close[0]}?" if close else "")


def checked(check: Callable[[str], T]) -> Callable[[str], T]:
    """`check` as an argument's type: its InvalidValueError becomes the message."""

    def convert(text: str) -> T:
        try:
            return check(text)
        except InvalidValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def number(what: str, low: int, high: int) -> Callable[[str], int]:
    """A decimal number from `low` to `high` as an argument's type."""

    def convert(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and low <= int(text[:20]) <= high):
            raise argparse.ArgumentTypeError(f"{what} {text!r}: must be a number from {low} to {high}")
        return int(text)

    return convert


def ignore_stop_signals() -> None:
    """From here on the program ends by itself, and soon."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)


class Stopped(BaseException):
    """SIGTERM or SIGINT has come: end in good order. Not an Exception, so that nothing swallows it."""


@contextmanager
def stop_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into `Stopped` in the main thread, and swallow it at the end of the block."""

    def stop(number: int, frame: FrameType | None) -> None:
        # once is enough: a second signal must not break off the orderly end
        ignore_stop_signals()
        raise Stopped

    try:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, stop)
        yield
    except Stopped:
        pass


@contextmanager
def one_sentence(prog: str) -> Iterator[None]:
    """Let the errors of the block end the program with a sentence and code 1, or 2 for wrong values."""
    try:
        yield
    except RhiError as error:
        # those that are OSErrors too would print their number
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        fail(prog, text, 2 if isinstance(error, InvalidValueError) else 1)


@contextmanager
def daemon_libraries(prog: str) -> Iterator[None]:
    """Around imports that need the extra `daemon`: where it is not installed, say what to do, and end."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] == "rhi":
            raise
        fail(prog, f"needs {error.name}, which is not installed: pip install 'rhi[daemon]'", 1)


def fail(prog: str, message: str, code: int) -> NoReturn:
    """Say it on standard error, and end."""
    complain(f"{prog}: {message}")
    sys.exit(code)
