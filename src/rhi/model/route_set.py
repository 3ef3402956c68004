"""A whole set of routes, packed for bulk work: what `replace` and a file of routes hand to the engine.

Routes of one family and length lie one behind the other as NLRI records (RFC 4271 §4.3), in runs of equal
attributes, so that a million host routes are one buffer of 5 MB and no objects. Addresses as text are packed
many at a time, without a `Prefix` for each; only what is not a plain address is looked at by itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from rhi.errors import InvalidValueError
from rhi.model.attributes import NO_ATTRIBUTES, PathAttributes, Route, RouteLike
from rhi.model.prefix import Family, Prefix, PrefixLike, pack_hosts
from rhi.model.wording import listed

# Values packed in one call: small enough to stay in the processor's cache, and to let other threads run.
_CHUNK: Final = 4096


class RouteRun(NamedTuple):
    """Routes of one family and length with equal attributes: their NLRI records, one behind the other."""

    family: Family
    length: int
    attributes: PathAttributes
    nlri: bytearray

    @property
    def record_size(self) -> int:
        """Bytes of one record."""
        return 1 + (self.length + 7) // 8

    def prefixes(self) -> Iterator[Prefix]:
        """The routes one by one."""
        size = self.record_size
        for at in range(0, len(self.nlri), size):
            yield Prefix(self.family, self.length, bytes(self.nlri[at + 1 : at + size]))


class _Part:
    """Routes of one family and length: one run until a second set of attributes comes, then by record."""

    def __init__(self, family: Family, length: int, attributes: PathAttributes) -> None:
        self._run = RouteRun(family, length, attributes, bytearray())
        self._mixed: dict[bytes, PathAttributes] | None = None

    def add(self, records: bytes, attributes: PathAttributes) -> None:
        if self._mixed is None:
            if attributes is self._run.attributes or attributes == self._run.attributes:
                self._run.nlri.extend(records)
                return
            self._mixed = dict.fromkeys(self._cut(self._run.nlri), self._run.attributes)
            self._run.nlri.clear()
        if len(records) == self._run.record_size:
            self._mixed[records] = attributes
        else:
            self._mixed.update(dict.fromkeys(self._cut(records), attributes))

    def runs(self) -> list[RouteRun]:
        """One run for each set of attributes."""
        if self._mixed is None:
            return [self._run]
        found: dict[PathAttributes, RouteRun] = {}
        last, run = None, self._run
        for record, attributes in self._mixed.items():
            if attributes is not last:
                last, run = (
                    attributes,
                    found.get(attributes) or self._run._replace(attributes=attributes, nlri=bytearray()),
                )
                found[attributes] = run
            run.nlri.extend(record)
        return list(found.values())

    def _cut(self, records: bytes | bytearray) -> list[bytes]:
        size = self._run.record_size
        return [bytes(records[at : at + size]) for at in range(0, len(records), size)]


class RouteSet:
    """Routes by destination. Of those added twice the last counts."""

    def __init__(self) -> None:
        self._parts: dict[tuple[Family, int], _Part] = {}
        self._runs: list[RouteRun] | None = None

    @classmethod
    def of(cls, routes: Mapping[Prefix, PathAttributes]) -> "RouteSet":
        """The same routes, packed."""
        found = cls()
        for prefix, attributes in routes.items():
            found.add(prefix, attributes)
        return found

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, prefix: Prefix, attributes: PathAttributes) -> None:
        """Add one route."""
        self._add(prefix.family, prefix.length, bytes((prefix.length,)) + prefix.packed, attributes)

    def add_hosts(self, values: Sequence[object], attributes: PathAttributes) -> bool:
        """Add host routes given as text; false, and nothing is added, unless all are addresses of one family.

        Then a value may still be a right one, but has to be looked at by itself.
        """
        packed = pack_hosts(values)
        if packed is None:
            return False
        family, records = packed
        if attributes.next_hop is not None and len(attributes.next_hop.packed) != family.size:
            return False
        self._add(family, family.bits, records, attributes)
        return True

    def runs(self) -> list[RouteRun]:
        """The routes in runs of equal attributes; one may come twice in a run, but is never in two."""
        if self._runs is None:
            self._runs = [run for part in self._parts.values() for run in part.runs()]
        return self._runs

    def routes(self) -> Iterator[tuple[Prefix, PathAttributes]]:
        """The routes one by one; one may come twice."""
        for run in self.runs():
            for prefix in run.prefixes():
                yield prefix, run.attributes

    def _add(self, family: Family, length: int, records: bytes, attributes: PathAttributes) -> None:
        self._runs = None
        part = self._parts.get((family, length))
        if part is None:
            part = self._parts[family, length] = _Part(family, length, attributes)
        part.add(records, attributes)


def route_set(
    routes: Iterable[RouteLike] | Mapping[PrefixLike, PathAttributes] | RouteSet,
    attributes: PathAttributes = NO_ATTRIBUTES,
) -> RouteSet:
    """A whole set of routes by destination; of those given twice the last counts.

    Args:
        routes: routes, or a mapping from route to its attributes; a `RouteSet` is returned as it is.
        attributes: of all routes that are not `Route` objects.

    Raises:
        InvalidValueError: a route is wrong.
    """
    if isinstance(routes, RouteSet):
        return routes
    found = RouteSet()
    if isinstance(routes, Mapping):
        items = iter(routes.items())
        while pairs := list(islice(items, _CHUNK)):
            keys, values = zip(*pairs, strict=True)
            is_uniform = isinstance(values[0], PathAttributes) and len(set(map(id, values))) == 1
            if not (is_uniform and found.add_hosts(keys, values[0])):
                for key, its_attributes in pairs:
                    _add_of_mapping(found, key, its_attributes)
    else:
        rest = iter(listed(routes, "routes"))
        while chunk := list(islice(rest, _CHUNK)):
            if not found.add_hosts(chunk, attributes):
                for value in chunk:
                    route = Route.of(value, attributes)
                    found.add(route.prefix, route.attributes)
    found.runs()  # here rather than in the thread that takes them over
    return found


def _add_of_mapping(found: RouteSet, key: PrefixLike, attributes: PathAttributes) -> None:
    if isinstance(key, Route):
        raise InvalidValueError(f"route {key.prefix}: has attributes twice; use its prefix as the key")
    route = Route.of(key, attributes)
    found.add(route.prefix, route.attributes)
