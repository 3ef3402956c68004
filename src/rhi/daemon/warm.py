"""What was announced when the daemon ended or died, for services that a new start announces at once (`warm`).

Routes come back as they were, before any check has said anything, so that peers hold nothing stale; the first
verdicts then decide as always. Not after a new start of the host, whose services have started anew too.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from rhi.daemon.decision.routes import Address
from rhi.daemon.decision.spec import Specs
from rhi.daemon.policies import OnCrash
from rhi.errors import InvalidValueError
from rhi.model.attributes import NO_ATTRIBUTES, Origin, PathAttributes
from rhi.model.parameters import Parameters
from rhi.model.prefix import Prefix, to_prefix

_FIELDS: Final = frozenset(PathAttributes.__slots__)


@dataclass(frozen=True, slots=True)
class Announced:
    """One route of one service."""

    prefix: Prefix
    attributes: PathAttributes
    service: str


def attributes_to_json(attributes: PathAttributes) -> dict[str, Any]:
    """What is given, by name."""
    found: dict[str, Any] = {"origin": attributes.origin.name.lower()}
    for name in PathAttributes.__slots__:
        value = getattr(attributes, name)
        if name != "origin" and value != getattr(NO_ATTRIBUTES, name):
            found[name] = _plain(value)
    return found


def attributes_from_json(document: Mapping[str, Any]) -> PathAttributes:
    """The inverse.

    Raises:
        ValueError, TypeError, KeyError: it is none.
    """
    if not _FIELDS.issuperset(document):
        raise ValueError(f"unknown attributes {sorted(document.keys() - _FIELDS)}")
    try:
        return PathAttributes(**{**document, "origin": Origin[document["origin"].upper()]})
    except InvalidValueError as error:
        raise ValueError(str(error)) from None


class Remembers(Protocol):
    """The part of the state file's keeper that tells of the start of the host."""

    @property
    def is_known(self) -> bool:
        """It is known when the file was written."""

    @property
    def is_same_boot(self) -> bool:
        """That was since the host has started."""


def is_forwarding_kept(keeper: Remembers | None, peers: Iterable[Parameters]) -> bool:
    """Whether services went on while there was no daemon: not over a new start of the host.

    Without a state file that tells, peers can hold routes of before the start of the host for as long as they
    have been told to.
    """
    if keeper is not None and keeper.is_known:
        return keeper.is_same_boot
    longest = max((each.graceful_restart or 0 for each in peers), default=0)
    return time.clock_gettime(time.CLOCK_BOOTTIME) > longest


def is_any_warm(specs: Specs) -> bool:
    """There is anything to keep."""
    return any(service.on_crash is OnCrash.WARM for service in specs.services.values())


def warm_routes(addresses: Mapping[Prefix, Address], specs: Specs) -> list[Announced]:
    """Of what is announced, what is to come back."""
    warm = {name for name, each in specs.services.items() if each.on_crash is OnCrash.WARM}
    return [
        Announced(prefix, address.attributes, address.because)
        for prefix, address in addresses.items()
        if address.attributes is not None and address.because in warm
    ]


def encode(routes: list[Announced]) -> list[dict[str, Any]]:
    """JSON, with equal attributes once."""
    found: dict[tuple[str, PathAttributes], list[str]] = {}
    for each in routes:
        found.setdefault((each.service, each.attributes), []).append(str(each.prefix))
    return [
        {"service": service, "attributes": attributes_to_json(attributes), "routes": prefixes}
        for (service, attributes), prefixes in found.items()
    ]


def decode(document: Any) -> list[Announced]:
    """The inverse.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is none.
    """
    return list(_announced(document))


def _announced(document: Any) -> Iterator[Announced]:
    for entry in document:
        attributes = attributes_from_json(entry["attributes"])
        for text in entry["routes"]:
            try:
                yield Announced(to_prefix(text), attributes, str(entry["service"]))
            except InvalidValueError as error:
                raise ValueError(str(error)) from None


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return value if isinstance(value, bool | int) else str(value)
