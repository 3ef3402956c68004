"""The features that docs/interop.md has rows for, in the order of the page, and the marker that names them.

A test says what it proves with `@pytest.mark.feature("route refresh")`; several names, several markers, those
of a module and those of a parameter add up. The daemon is the one that the test is parametrized with; where
there is none the marker tells it, `on=Bird`. A row appears as soon as a test that ran names its feature.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import pytest

from tests.interop.lab import Router

MARKER: Final = "feature"
Proof: TypeAlias = tuple[str, type[Router]]  # a feature by its name, and the daemon that it was seen with


@dataclasses.dataclass(frozen=True, slots=True)
class Feature:
    """A row of the page: the name that tests use, and where it is specified."""

    name: str
    rfcs: str


FEATURES: Final = tuple(
    Feature(*row)
    for row in (
        ("IPv4 sessions", "4271"),
        ("IPv6 sessions", "4271"),
        ("link-local sessions", "4007"),
        ("unnumbered peers", ""),
        ("passive", "4271 §8"),
        ("dynamic neighbours", ""),
        ("connection collision", "4271 §6.8"),
        ("internal peers", "4271"),
        ("4-octet AS numbers", "6793"),
        ("peers of 2-octet AS numbers", "6793 §4"),
        ("peers without capabilities", "5492 §3"),
        ("unexpected AS numbers", "4271 §6.2"),
        ("address families as agreed", "4760, 5492"),
        ("hold time 0", "4271 §4.2"),
        ("TCP MD5, we dial", "2385"),
        ("TCP MD5, the router dials", "2385"),
        ("TCP MD5 for prefixes", "2385"),
        ("TCP MD5 key change", "2385"),
        ("TCP-AO", "5925"),
        ("TTL security", "5082"),
        ("roles and OTC", "9234"),
        ("announce, change, withdraw", "4271"),
        ("many routes", "4271"),
        ("ORIGIN, MED, LOCAL_PREF", "4271 §5.1"),
        ("prepended AS_PATH", "4271 §5.1.2"),
        ("next hop of a route", "4271 §5.1.3, 2545"),
        ("IPv4 routes with IPv6 next hops", "8950"),
        ("communities", "1997"),
        ("extended communities", "4360, 5668"),
        ("large communities", "8092"),
        ("link bandwidth", "draft-ietf-idr-link-bandwidth"),
        ("extended messages", "8654"),
        ("End-of-RIB", "4724 §2"),
        ("route refresh", "2918"),
        ("enhanced route refresh", "7313"),
        ("received routes", "4271 §3"),
        ("maximum prefixes", "4486"),
        ("quarantine", "4271 §6.3"),
        ("administrative shutdown", "4486"),
        ("shutdown communication", "9003"),
        ("graceful shutdown", "8326"),
        ("graceful restart: a crash keeps the routes", "4724"),
        ("graceful restart: a stop takes the routes", "4724, 8538"),
        ("graceful restart: a stop leaves the routes if told to", "4724"),
        ("graceful restart: End-of-RIB held back", "4724 §4.1"),
        ("Hard Reset", "8538"),
        ("long-lived graceful restart", "9494"),
        ("router that restarts", "4271 §8"),
        ("daemon on our own host", ""),
        ("samples of configurations", ""),
    )
)
_NAMES: Final = frozenset(feature.name for feature in FEATURES)


def proofs(item: pytest.Item) -> Iterator[Proof]:
    """What a test proves if it passes: features, each with a daemon.

    Raises:
        pytest.UsageError: there is no such feature, or no daemon to be found.
    """
    for mark in item.iter_markers(MARKER):
        daemons = list(_daemons(mark.kwargs.get("on", _parameters(item))))
        if not daemons:
            raise pytest.UsageError(
                f"{item.nodeid}: feature{mark.args} of which daemon? add on=Bird or another"
            )
        for name in mark.args:
            if name not in _NAMES:
                raise pytest.UsageError(
                    f"{item.nodeid}: {name!r} is no feature of tests/interop/features.py; add it there"
                )
            for daemon in daemons:
                yield name, daemon


def _parameters(item: pytest.Item) -> list[object]:
    callspec = getattr(item, "callspec", None)
    return [] if callspec is None else list(callspec.params.values())


def _daemons(value: object) -> Iterator[type[Router]]:
    """Every daemon in a parameter of a test, however deep."""
    if isinstance(value, type):
        if issubclass(value, Router):
            yield value
    elif dataclasses.is_dataclass(value):
        yield from _daemons([getattr(value, field.name) for field in dataclasses.fields(value)])
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for part in value:
            yield from _daemons(part)
