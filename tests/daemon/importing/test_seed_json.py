"""JSON of the Go library: what becomes of it, and the wrong ones with their sentences."""

import json
from dataclasses import fields

import pytest

from rhi.daemon.importing.seed_json import NAMES
from rhi.model.parameters import Parameters
from tests.daemon.importing.converting import from_json, sentence_of

PEER = {
    "as_number": 65001,
    "hold_time": 4,
    "source_ip": "192.0.2.10",
    "next_hop_4": "0.0.0.0",
    "next_hop_6": "2001:db8::6",
    "multiprotocol": True,
    "med": 50,
    "local_pref": 200,
    "communities": ["65001:1", "65001:2"],
    "accept": ["203.0.113.0/24"],
    "reject": ["0.0.0.0/0"],
}


def test_names_are_those_that_parameters_took_over() -> None:
    assert set(NAMES) == PEER.keys()
    assert set(NAMES) <= {field.name for field in fields(Parameters)}


def test_peers_are_as_the_library_had_them() -> None:
    setup = from_json(json.dumps({"192.0.2.1": PEER, "192.0.2.2": {"as_number": 65002}})).setup

    assert setup.peers == {
        "192.0.2.1": Parameters.from_json(PEER),
        "192.0.2.2": Parameters(as_number=65002),
    }


def test_object_of_one_peer_is_for_those_that_are_named() -> None:
    setup = from_json(json.dumps(PEER), peers=("192.0.2.1", "192.0.2.2"), addresses=("203.0.113.1",)).setup

    assert setup.peers == dict.fromkeys(("192.0.2.1", "192.0.2.2"), Parameters.from_json(PEER))
    assert [str(prefix) for prefix in setup.specs.services["addresses"].prefixes] == ["203.0.113.1"]


def test_zero_is_what_it_was_and_it_is_said() -> None:
    zeros = {"as_number": 65001, "med": 0, "local_pref": 0, "hold_time": 0}
    converted = from_json(json.dumps({"192.0.2.1": zeros, "192.0.2.2": {"as_number": 65001, "hold_time": 2}}))

    assert set(converted.setup.peers.values()) == {Parameters(as_number=65001)}
    for name in ("med", "local_pref", "hold_time"):
        assert any(note.startswith(f"peer 192.0.2.1: {name} 0: was the same as") for note in converted.notes)
    assert "peer 192.0.2.2: hold_time 2: was taken for 10" in converted.notes


def test_without_addresses_it_says_where_they_came_from() -> None:
    assert any(
        "addresses: came from your program" in note
        for note in from_json(json.dumps({"192.0.2.1": PEER})).notes
    )


WRONG = [
    ("{", "no JSON: Expecting property name enclosed in double quotes (line 1, column 2)"),
    ("[]", "must be an object: the Parameters of a peer, or a map from peers to Parameters"),
    ("{}", "must be an object: the Parameters of a peer"),
    ('{"as_number": 1}', "has the Parameters of one peer: give that by --peer"),
    ('{"192.0.2.1": 5}', "peer 192.0.2.1: 5: must be an object of Parameters"),
    ('{"192.0.2.1": {}}', "peer 192.0.2.1: parameters: as_number is missing; give our AS number"),
    (
        '{"192.0.2.1": {"as_number": 1, "asn": 2}}',
        "peer 192.0.2.1: 'asn': is none of the library's names: as_nu",
    ),
    (
        '{"192.0.2.1": {"as_number": 70000000000}}',
        "peer 192.0.2.1: as_number 70000000000: must be an AS number",
    ),
    ('{"192.0.2.1": {"as_number": 1, "med": false}}', "peer 192.0.2.1: med"),
    ('{"192.0.2.1": {"as_number": 1, "accept": ["x"]}}', "peer 192.0.2.1: accept"),
    ("[" * 100_000, "no JSON of the library: nested too deeply"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[expected for _, expected in WRONG])
def test_wrong_json_gets_its_sentence(text: str, expected: str) -> None:
    assert sentence_of(from_json, text).startswith(expected)
