"""Lines of `rhi speak --stdin` and of route files: text -> commands.

    announce ROUTE [med N] [local-pref N] [next-hop ADDR] [prepend N] [origin igp|egp|incomplete]
                   [community A:B]... [large-community A:B:C]... [extended-community rt:A:B]...
    withdraw ROUTE
    clear
    drain [ROUTE]...
    undrain
    flush
    complete

`#` begins a comment. A route file has the lines of `announce`, with or without that word.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from io import BytesIO
from typing import Any, BinaryIO, Final, NamedTuple

from rhi.errors import InvalidValueError
from rhi.model.attributes import NO_ATTRIBUTES, Origin, PathAttributes, Route
from rhi.model.checks import MAX_PREPEND
from rhi.model.prefix import Prefix, to_prefix
from rhi.model.route_set import RouteSet
from rhi.model.wording import shown

# Longer lines are refused, so that no input can fill the memory; an announcement with 250 communities of each
# kind has about 20,000 characters.
MAX_LINE: Final = 65536

# Read from a file of routes at once.
_BLOCK: Final = 32768
_MARK: Final = "\ufeff"  # editors on Windows begin a file with it


class Announce(NamedTuple):
    """Announce a route, or give it other attributes."""

    route: Route


class Withdraw(NamedTuple):
    """Withdraw a route."""

    prefix: Prefix


class Clear(NamedTuple):
    """Withdraw everything."""


class Drain(NamedTuple):
    """Drain these routes; everything when there are none."""

    prefixes: tuple[Prefix, ...]


class Undrain(NamedTuple):
    """Cancel all drains."""


class Flush(NamedTuple):
    """Wait until all has been acknowledged, and say so."""


class Complete(NamedTuple):
    """All that is to be announced has been."""


Command = Announce | Withdraw | Clear | Drain | Undrain | Flush | Complete


def read_lines(file: BinaryIO, mark: str = _MARK) -> Iterator[str | InvalidValueError]:
    """The lines of a file as they come; for one that is no text, or too long, what is wrong with it.

    The first may begin with `mark`, which is no part of it.
    """
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            yield InvalidValueError(f"is longer than {MAX_LINE - 1} bytes")
            while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            continue
        try:
            yield line.decode().removeprefix(mark)
        except UnicodeDecodeError:
            yield InvalidValueError("is not UTF-8 text")
        mark = ""


def parse_command(line: str) -> Command | None:
    """The command of a line; None for an empty one.

    Raises:
        InvalidValueError: it cannot be understood.
    """
    words = line.partition("#")[0].split()
    if not words:
        return None
    parse = _COMMANDS.get(words[0].lower())
    if parse is None:
        raise InvalidValueError(f"unknown command {shown(words[0])}; known are {', '.join(_COMMANDS)}")
    return parse(words[1:])


def parse_routes(lines: Iterable[str | InvalidValueError], name: str, first: int = 1) -> Iterator[Route]:
    """The routes of a file, from its lines (see `read_lines`), of which the first has the number `first`.

    Raises:
        InvalidValueError: a line is wrong; the message begins with `name` and the line's number.
    """
    for number, line in enumerate(lines, first):
        try:
            if isinstance(line, InvalidValueError):
                raise line
            words = line.partition("#")[0].split()
            if words:
                yield _announce(words[1:] if words[0].lower() == "announce" else words).route
        except InvalidValueError as error:
            raise InvalidValueError(f"{name}:{number}: {error}") from None


# hot: bench B2
def read_routes(file: BinaryIO, name: str) -> RouteSet:
    """The routes of a file. Blocks of lines that are all addresses are packed as they are.

    Raises:
        InvalidValueError: a line is wrong; the message begins with `name` and the line's number.
    """
    found = RouteSet()
    first = 1
    while block := file.read(_BLOCK):
        if not block.endswith(b"\n"):
            block += file.readline(MAX_LINE)
        mark = _MARK if first == 1 else ""
        addresses = _addresses(block, mark)
        if not found.add_hosts(addresses, NO_ATTRIBUTES):
            for route in parse_routes(read_lines(BytesIO(block), mark), name, first):
                found.add(route.prefix, route.attributes)
        first += len(addresses)
    return found


def _addresses(block: bytes, mark: str) -> list[str]:
    """The lines of a block, without what may stand before and behind an address."""
    # every octet is a letter of Latin-1; the wrong ones are found out when the address is read
    text = block.removeprefix(mark.encode()).decode("latin-1")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if text.startswith("announce "):
        text = f"\n{text}".replace("\nannounce ", "\n")[1:]
    return text.removesuffix("\n").split("\n")


def _announce(words: list[str]) -> Announce:
    if not words:
        raise InvalidValueError("announce: which route? write: announce ROUTE [ATTRIBUTE VALUE]...")
    prefix = to_prefix(words[0])
    return Announce(Route(prefix, _path_attributes(*words[1:]) if len(words) > 1 else NO_ATTRIBUTES))


@lru_cache(maxsize=64)  # many routes in a row have the same
def _path_attributes(*words: str) -> PathAttributes:
    settings: dict[str, Any] = {}
    for name, value in zip(words[::2], [*words[1::2], None], strict=False):
        attribute = _ATTRIBUTES.get(name.lower())
        if attribute is None:
            raise InvalidValueError(f"unknown attribute {shown(name)}; known are {', '.join(_ATTRIBUTES)}")
        if value is None:
            raise InvalidValueError(f"{name}: its value is missing")
        field, is_list, convert = attribute
        if is_list:
            settings.setdefault(field, []).append(convert(value))
        elif field in settings:
            raise InvalidValueError(f"{name}: is given twice")
        else:
            settings[field] = convert(value)
    return PathAttributes(**settings)


def _withdraw(words: list[str]) -> Withdraw:
    if len(words) != 1:
        raise InvalidValueError("withdraw: needs one route; write: withdraw ROUTE")
    return Withdraw(to_prefix(words[0]))


def _drain(words: list[str]) -> Drain:
    return Drain(tuple(map(to_prefix, words)))


def _alone(command: Command) -> Callable[[list[str]], Command]:
    def parse(words: list[str]) -> Command:
        if words:
            raise InvalidValueError(
                f"{type(command).__name__.lower()}: stands alone; {shown(words[0])} is too much"
            )
        return command

    return parse


def _integer(name: str, highest: int = 0xFFFFFFFF) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= highest):
            raise InvalidValueError(f"{name} {shown(text)}: must be a number from 0 to {highest}")
        return int(text)

    return convert


def _origin(text: str) -> Origin:
    try:
        return Origin[text.upper()]
    except KeyError:
        raise InvalidValueError(f"origin {shown(text)}: must be igp, egp or incomplete") from None


_COMMANDS: Final[dict[str, Callable[[list[str]], Command]]] = {
    "announce": _announce,
    "withdraw": _withdraw,
    "clear": _alone(Clear()),
    "drain": _drain,
    "undrain": _alone(Undrain()),
    "flush": _alone(Flush()),
    "complete": _alone(Complete()),
}

# Word -> field of PathAttributes, whether it may come more than once, conversion.
_ATTRIBUTES: Final[dict[str, tuple[str, bool, Callable[[str], Any]]]] = {
    "med": ("med", False, _integer("med")),
    "local-pref": ("local_pref", False, _integer("local-pref")),
    "next-hop": ("next_hop", False, str),
    "prepend": ("prepend", False, _integer("prepend", MAX_PREPEND)),
    "origin": ("origin", False, _origin),
    "community": ("communities", True, str),
    "large-community": ("large_communities", True, str),
    "extended-community": ("extended_communities", True, str),
}
