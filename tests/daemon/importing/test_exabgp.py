"""exabgp.conf: neighbors, processes, and the wrong files with their sentences."""

import pytest

from rhi.model.parameters import Parameters
from tests.daemon.importing.converting import from_exabgp, sentence_of

# Of ExaBGP's own documentation, with the addresses of the program.
PLAIN = """
neighbor 192.0.2.1 {
   router-id 192.0.2.2;
   local-as 64496;
   peer-as 64497;
}
process watch-haproxy {
   run python -m exabgp healthcheck
      --cmd "curl -sf http://127.0.0.1/healthcheck" --label haproxy --ip 203.0.113.1;
}
process watch-mysql {
   run python -m exabgp healthcheck --cmd "mysql -u check -e 'SELECT 1'" --label mysql --ip 203.0.113.2;
}
"""

WHOLE = """
# edge
template {
    neighbor common {
        local-as 1.10; peer-as 65000; hold-time 30;
        family { ipv4 unicast; ipv6 unicast; ipv4 flow; }
        capability { graceful-restart; route-refresh enable; add-path send; asn4 enable; }
    }
}
neighbor 192.0.2.1 {
    inherit common;
    router-id 192.0.2.10;
    local-address 192.0.2.10;
    md5-password "top; secret";
    description "first router";
    hold-time 12;
    api { processes [ web, mail ]; }
    static { route 203.0.113.99/32 next-hop self; route 203.0.113.98/32 next-hop self med 5; }
}
neighbor 2001:db8::1 {
    inherit common;
    router-id 192.0.2.11;
    local-as 65010;
    connect 1179;
    outgoing-ttl 255;
    capability { graceful-restart 90; extended-message disable; nexthop enable; }
    nexthop { ipv4 unicast ipv6; }
    api { processes-match [ "we.*" ]; }
    announce { ipv4 { unicast 203.0.113.97/32 next-hop self; } }
}
neighbor 198.51.100.0/24 { local-as 1.10; peer-as auto; passive true; rate-limit 5; outgoing-ttl 2; }
process web {
    run /usr/bin/exabgp healthcheck --cmd "test 1" --ip 203.0.113.10 --ip 2001:db8::10 --increase 0;
}
process mail { run exabgp healthcheck --cmd 'x' --ip 203.0.113.20 --neighbor 192.0.2.1; encoder text; }
process log { run /usr/local/bin/log.py; encoder json; }
"""


def test_conf_of_the_manual_becomes_peers_and_services() -> None:
    converted = from_exabgp(PLAIN)
    setup = converted.setup

    assert (str(setup.router_id), converted.file["as_number"]) == ("192.0.2.2", 64496)
    assert setup.peers["192.0.2.1"] == Parameters(
        as_number=64496, peer_as=64497, hold_time=180, multiprotocol=True
    )
    assert list(setup.specs.services) == ["watch-haproxy", "watch-mysql"]
    assert setup.checks["watch-mysql/exec"].command[2] == "mysql -u check -e 'SELECT 1'"
    # there it announces nothing, which nobody means
    assert "no neighbor has api { processes [ ... ]; }, so that ExaBGP announces nothing" in str(
        converted.notes
    )
    assert setup.peers["192.0.2.1"].reject == ()


def test_neighbors_become_peers_with_what_they_inherit() -> None:
    setup = from_exabgp(WHOLE).setup

    first, second, dynamic = *setup.peers.values(), *setup.dynamic_peers.values()
    assert (first.as_number, first.peer_as, first.hold_time) == (65546, 65000, 12)
    assert (str(first.source_ip), first.multiprotocol, first.graceful_restart) == ("192.0.2.10", True, 12)
    assert (second.as_number, second.port, second.hold_time) == (65010, 1179, 30)
    assert (second.graceful_restart, second.extended_messages) == (90, False)
    assert (second.ttl_security, second.extended_next_hop) == (True, True)
    assert (dynamic.peer_as, dynamic.passive) == (None, False)
    assert setup.listen == ("0.0.0.0:179",)


def test_routes_go_to_the_peers_that_they_went_to() -> None:
    setup = from_exabgp(WHOLE).setup
    routes = {str(prefix) for service in setup.specs.services.values() for prefix in service.prefixes}

    kept = {
        name: {route for route in routes if route in {str(each).partition("/")[0] for each in peer.reject}}
        for name, peer in {**setup.peers, **setup.dynamic_peers}.items()
    }

    assert {name: routes - held for name, held in kept.items()} == {
        "192.0.2.1": {"203.0.113.10", "2001:db8::10", "203.0.113.20", "203.0.113.99"},
        "2001:db8::1": {"203.0.113.10", "2001:db8::10", "203.0.113.97"},
        # hears of no process
        "198.51.100.0/24": set(),
    }


def test_what_has_no_equivalent_is_said_with_its_place_and_keys_are_not_printed() -> None:
    converted = from_exabgp(WHOLE)

    for expected in (
        "peer 192.0.2.1: md5-password: write it to a file of its own",
        "peer 192.0.2.1: family ipv4 flow: only IPv4 and IPv6 unicast are announced",
        "peer 192.0.2.1: capability add-path send: several paths",
        "peer 192.0.2.1: route 203.0.113.98/32 next-hop self med 5: is not converted",
        "peer 192.0.2.1: next_hop_6: has to be given, or IPv6 routes are held back",
        "peer 2001:db8::1: next_hop_4: has to be given, or IPv4 routes are held back",
        "peer 2001:db8::1: router-id 192.0.2.11: all peers get 192.0.2.10",
        "peer 198.51.100.0/24: rate-limit 5: routes are sent as fast as the peer takes them",
        "peer 198.51.100.0/24: outgoing-ttl 2: TTL is the system's, or 255",
        "peer 198.51.100.0/24: has no api { processes [ ... ]; }, and so gets no route of a healthcheck",
        "process log: runs /usr/local/bin/log.py, which is no healthcheck, and is not converted",
    ):
        assert any(note.startswith(expected) for note in converted.notes), expected
    assert "secret" not in converted.text + str(converted.notes)
    assert "# first router" in converted.text


def test_passive_neighbor_makes_us_listen() -> None:
    setup = from_exabgp(
        "neighbor 2001:db8::1 {"
        "local-as 1; peer-as 2; local-address 2001:db8::2; passive true; listen 1790; }"
        "process a { run exabgp healthcheck --ip 2001:db8::9; }"
    ).setup

    assert setup.listen == ("[2001:db8::2]:1790",)
    assert setup.peers["2001:db8::1"].passive


WRONG = [
    ("neighbor 192.0.2.1 {", "line 1: the brace behind 'neighbor' is not closed"),
    ("neighbor 192.0.2.1 { }\n}", "line 2: a brace is closed that was not opened"),
    ("neighbor 192.0.2.1 {\n local-as 1\n}", "line 2: 'local-as': a semicolon is missing"),
    ("neighbor 192.0.2.1 { local-as 1; }\nx", "line 2: 'x': a semicolon is missing"),
    ("\n{ }", "line 2: a brace without a name before it"),
    ('neighbor 192.0.2.1 {\n description "a;\n}', "line 2: a quotation mark is not closed"),
    (
        "neighbor router { }",
        "line 1: neighbor router: 'router' does not appear to be an IPv4 or IPv6 network",
    ),
    ("neighbor 192.0.2.1 {\n inherit a; }", "line 2: inherit a: there is no such template"),
    ("neighbor 192.0.2.1 {\n hold-time ever; }", "line 2: hold-time ever: is no number"),
    ("neighbor 192.0.2.1 {\n local-as 1.x; }", "line 2: local-as 1.x: is no AS number"),
    (
        "neighbor 192.0.2.1 {\n api { processes-match [ '(' ]; } }",
        "line 2: processes-match: missing ), untermin",
    ),
    (
        "\nprocess a { run exabgp healthcheck --rise x --ip 203.0.113.1; }",
        "line 2: process a: healthcheck: argument --rise: invalid int value: 'x'",
    ),
    (
        f"\nprocess {'a' * 101} {{ run exabgp healthcheck --cmd x --ip 203.0.113.1; }}",
        f"line 2: process '{'a' * 79}...: its name has more than 100 letters",
    ),
    (
        "neighbor 192.0.2.1 {\n api { processes-match [ '(a+)+b' ]; } }",
        "line 2: processes-match: '(a+)+b': may take too long; a pattern may repeat single letters",
    ),
    ("a { " * 40, "line 1: braces are nested too deeply"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[expected for _, expected in WRONG])
def test_wrong_file_gets_its_sentence(text: str, expected: str) -> None:
    assert sentence_of(from_exabgp, text).startswith(expected)
