"""Every daemon believes what we tell it, over every kind of session.

The kinds: over IPv4 and IPv6, eBGP and iBGP, AS numbers of two and four octets. Each session carries IPv4
and IPv6 routes. All assertions read the router's own table or log.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.interop.bench import KINDS, Bench, Kind, bench
from tests.interop.lab import ADMINISTRATIVE_SHUTDOWN, DAEMONS, Router, RouteSeen

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

BENCHES = [
    pytest.param((daemon, width), id=f"{daemon.NAME}-as{width}", marks=marks)
    for width, marks in ((2, ()), (4, pytest.mark.feature("4-octet AS numbers")))
    for daemon in DAEMONS
]
# What takes long and has nothing to do with AS numbers is done with narrow ones only.
once = pytest.mark.parametrize("lab", BENCHES[: len(DAEMONS)], indirect=True)
# What each session of a bench shows by itself.
SESSIONS = [
    pytest.param(
        kind,
        id=str(kind),
        marks=pytest.mark.feature(
            f"IPv{kind.transport} sessions", *(["internal peers"] if kind.internal else [])
        ),
    )
    for kind in KINDS
]
_indexes = itertools.cycle(range(10, 250))


@pytest.fixture(scope="module", params=BENCHES)
def lab(request: pytest.FixtureRequest) -> Iterator[Bench]:
    daemon, width = request.param
    with bench(daemon, width) as made:
        yield made


@pytest.fixture(params=SESSIONS)
def kind(request: pytest.FixtureRequest) -> Kind:
    made: Kind = request.param
    return made


@pytest.fixture
def routes(kind: Kind) -> tuple[str, str]:
    """An IPv4 and an IPv6 host route that no other test uses."""
    return kind.routes(next(_indexes))


@pytest.mark.feature("announce, change, withdraw")
def test_route_without_attributes_arrives_with_the_defaults(lab: Bench, kind: Kind) -> None:
    for prefix in kind.routes(1):
        seen = lab.router.wait_route(prefix)

        assert seen == expected(lab, kind, prefix)


@pytest.mark.feature("communities", "extended communities", "large communities")
def test_route_with_all_attributes_arrives_with_each(lab: Bench, kind: Kind, routes: tuple[str, str]) -> None:
    attributes = (
        "med 50 local-pref 200 community 65001:100 community 65535:65281 large-community 4200000001:2:3 "
        "large-community 65001:0:4294967295 extended-community rt:65001:5 extended-community ro:65001:70000"
    )

    lab.speakers[kind].tell(*(f"announce {prefix} {attributes}" for prefix in routes))

    for prefix in routes:
        seen = lab.router.wait_route(prefix)
        assert seen == expected(
            lab,
            kind,
            prefix,
            med=50,
            local_pref=200,
            communities=frozenset({"65001:100", "65535:65281"}),
            large_communities=frozenset({"4200000001:2:3", "65001:0:4294967295"}),
            extended_communities=frozenset({"rt:65001:5", "ro:65001:70000"}),
        )


# External only: an internal peer takes its own AS number in the path for a loop (RFC 4271 §9.1.2).
@pytest.mark.feature("prepended AS_PATH")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.internal], ids=str)
def test_prepended_as_path_arrives(lab: Bench, kind: Kind, routes: tuple[str, str]) -> None:
    lab.speakers[kind].tell(*(f"announce {prefix} prepend 2" for prefix in routes))

    for prefix in routes:
        seen = lab.router.wait_route(prefix)
        assert seen == expected(lab, kind, prefix, as_path=lab.as_path(kind, prepended=2))


@pytest.mark.feature("ORIGIN, MED, LOCAL_PREF")
def test_zero_med_and_local_pref_are_sent(lab: Bench, kind: Kind, routes: tuple[str, str]) -> None:
    lab.speakers[kind].tell(*(f"announce {prefix} med 0 local-pref 0" for prefix in routes))

    for prefix in routes:
        seen = lab.router.wait_route(prefix)
        assert seen == expected(lab, kind, prefix, med=0, local_pref=0)


@pytest.mark.feature("ORIGIN, MED, LOCAL_PREF")
def test_origin_of_a_route_arrives(lab: Bench, kind: Kind, routes: tuple[str, str]) -> None:
    lab.speakers[kind].tell(*(f"announce {prefix} origin incomplete" for prefix in routes))

    for prefix in routes:
        assert lab.router.wait_route(prefix) == expected(lab, kind, prefix, origin="incomplete")


@pytest.mark.feature("announce, change, withdraw")
def test_changed_attributes_replace_and_never_withdraw(
    lab: Bench, kind: Kind, routes: tuple[str, str]
) -> None:
    speaker, router = lab.speakers[kind], lab.router
    speaker.tell(*(f"announce {prefix} med 1 community 65001:1" for prefix in routes))
    for prefix in routes:
        router.wait_route(prefix, med=1)

    speaker.tell(*(f"announce {prefix} med 2" for prefix in routes))
    for prefix in routes:
        router.wait_route(prefix, med=2, communities=frozenset())
    speaker.tell(*(f"announce {prefix} med 3 large-community 1:2:3" for prefix in routes))

    for prefix in routes:
        seen = router.wait_route(prefix, med=3)
        assert seen.large_communities == frozenset({"1:2:3"})
        router.wait_changes(prefix, *["announce"] * 3)


@pytest.mark.feature("next hop of a route")
def test_next_hop_of_one_route_is_used(lab: Bench, kind: Kind, routes: tuple[str, str]) -> None:
    other = next(k for k in KINDS if k != kind)

    lab.speakers[kind].tell(*(f"announce {prefix} next-hop {other.next_hop(prefix)}" for prefix in routes))

    for prefix in routes:
        assert lab.router.wait_route(prefix).next_hops == (other.next_hop(prefix),)


@pytest.mark.feature("announce, change, withdraw")
def test_withdrawn_route_leaves_and_the_others_are_not_touched(
    lab: Bench, kind: Kind, routes: tuple[str, str]
) -> None:
    speaker, router = lab.speakers[kind], lab.router
    speaker.tell(*(f"announce {prefix}" for prefix in routes))
    for prefix in routes:
        router.wait_route(prefix)
    for prefix in routes:
        router.wait_changes(prefix, "announce")  # so all that came before is noted, too
    before = {prefix: router.changes(prefix) for prefix in kind.routes(1)}

    speaker.tell(*(f"withdraw {prefix}" for prefix in routes))

    router.wait_gone(*routes)
    assert set(kind.routes(1)) <= router.routes().keys()
    assert {prefix: router.changes(prefix) for prefix in kind.routes(1)} == before


@pytest.mark.feature("announce, change, withdraw")
def test_route_comes_back_after_a_withdraw(lab: Bench, kind: Kind, routes: tuple[str, str]) -> None:
    speaker, router = lab.speakers[kind], lab.router

    for verb in ("announce", "withdraw", "announce"):
        speaker.tell(*(f"{verb} {prefix}" for prefix in routes))
        if verb == "announce":
            for prefix in routes:
                router.wait_route(prefix)
        else:
            router.wait_gone(*routes)

    for prefix in routes:
        router.wait_changes(prefix, "announce", "withdraw", "announce")


@once
@pytest.mark.feature("router that restarts")
@pytest.mark.parametrize("end", [Router.kill, Router.stop], ids=["killed", "stopped"])
def test_router_that_ended_comes_back_and_learns_all_routes_again(
    lab: Bench, end: Callable[[Router], None]
) -> None:
    router = lab.router

    end(router)
    router.start()

    for kind in KINDS:
        router.wait_established(kind.source)
        for prefix in kind.routes(1):
            assert router.wait_route(prefix) == expected(lab, kind, prefix)


@once
@pytest.mark.feature("administrative shutdown")
def test_clean_shutdown_is_a_cease_and_takes_the_routes(lab: Bench) -> None:
    router = lab.router

    statuses = [speaker.stop() for speaker in lab.speakers.values()]

    assert statuses == [0] * len(KINDS)
    router.wait_gone(*(prefix for kind in KINDS for prefix in kind.routes(1)))
    for kind in KINDS:
        router.wait_notification(kind.source, ADMINISTRATIVE_SHUTDOWN)
    for speaker in lab.speakers.values():
        speaker.start()
    for kind in KINDS:
        router.wait_established(
            kind.source
        )  # GoBGP refuses connections for five seconds after a NOTIFICATION


@once
@pytest.mark.feature("announce, change, withdraw")
def test_killed_speaker_takes_its_routes(lab: Bench) -> None:
    kind = KINDS[0]

    lab.speakers[kind].kill()

    lab.router.wait_gone(*kind.routes(1))
    lab.speakers[kind].start()


def expected(lab: Bench, kind: Kind, prefix: str, **attributes: object) -> RouteSeen:
    """The route as this bench's router should show it; `attributes` are those that are not the default."""
    fields: dict[str, object] = {
        "prefix": prefix,
        "peer": kind.source,
        "next_hops": (kind.next_hop(prefix),),
        "as_path": lab.as_path(kind),
        "origin": "igp",
        "med": None,
        "local_pref": 100,
        "communities": frozenset(),
        "large_communities": frozenset(),
        "extended_communities": frozenset(),
        "usable": True,
    } | attributes
    if not kind.internal:
        fields["local_pref"] = _external_local_pref(lab.router)
    if fields["med"] is None and not lab.router.SHOWS_MISSING_MED:
        fields["med"] = 0
    if not lab.router.KEEPS_TABLE:
        fields["usable"] = None
    return RouteSeen(**fields)  # type: ignore[arg-type]


def _external_local_pref(router: Router) -> int | None:
    """LOCAL_PREF does not cross eBGP (RFC 4271 §5.1.5); some daemons show the default they gave the route."""
    return router.DEFAULT_LOCAL_PREF
