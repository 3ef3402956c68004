"""The options of `rhi speak` as rows: what each makes of its value, and that none can be forgotten."""

from dataclasses import fields
from typing import Any

import pytest

from rhi.cli.options import OPTIONS
from rhi.cli.speak import _parameters, parser
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.parameters import Parameters, Role
from rhi.model.prefix import to_address, to_network

TO_PEER = ["65001", "192.0.2.10", "192.0.2.1"]
# What is set on the command line, and what it is then.
SELECTED: list[tuple[str, str, Any]] = [
    ("--multiprotocol", "multiprotocol", True),
    ("--next-hop-4=192.0.2.4", "next_hop_4", to_address("192.0.2.4", "")),
    ("--next-hop-6=2001:db8::6", "next_hop_6", to_address("2001:db8::6", "")),
    ("--port=1790", "port", 1790),
    ("--hold-time=3", "hold_time", 3),
    ("--source=192.0.2.10", "source_ip", to_address("192.0.2.10", "")),
    ("--peer-as=65000", "peer_as", 65000),
    ("--med=0", "med", 0),
    ("--local-pref=0", "local_pref", 0),
    ("--prepend=254", "prepend", 254),
    ("--community=65000:1 --community=no-export", "communities",
     (Community("65000:1"), Community("no-export"))),
    ("--large-community=1:2:3 --large-community=4:5:6", "large_communities",
     (LargeCommunity(1, 2, 3), LargeCommunity(4, 5, 6))),
    ("--extended-community=rt:65000:1 --extended-community=lb:65001:125000000", "extended_communities",
     (ExtendedCommunity.parse("rt:65000:1"), ExtendedCommunity.parse("lb:65001:125000000"))),
    ("--accept=203.0.113.0/24 --accept=2001:db8::/32", "accept",
     (to_network("203.0.113.0/24", ""), to_network("2001:db8::/32", ""))),
    ("--reject=0.0.0.0/0 --reject=::/0", "reject", (to_network("0.0.0.0/0", ""), to_network("::/0", ""))),
    ("--ttl-security", "ttl_security", True),
    ("--no-extended-messages", "extended_messages", False),
    ("--extended-next-hop", "extended_next_hop", True),
    ("--role=peer --role-strict", "role_strict", True),
    ("--role=peer", "role", Role.PEER),
    ("--graceful-restart=60", "graceful_restart", 60),
    ("--graceful-restart=60 --long-lived-stale-time=9", "long_lived_stale_time", 9),
    ("--maximum-prefixes=7", "maximum_prefixes", 7),
    ("--graceful-shutdown", "graceful_shutdown", True),
    ("--no-quarantine", "quarantine", False),
    ("--passive", "passive", True),
]  # fmt: skip
# Read from files and the environment, see test_keys.py; and times that nobody has had to change for one peer.
NOT_HERE = {"as_number", "password", "ao_keys", "connect_retry_time", "connect_timeout", "send_hold_time"}


@pytest.mark.parametrize(("words", "field", "value"), SELECTED, ids=[row[0] for row in SELECTED])
def test_option_selects_its_parameter_and_nothing_else(words: str, field: str, value: Any) -> None:
    plain = _parameters(parser().parse(TO_PEER))

    found = _parameters(parser().parse([*words.split(), *TO_PEER]))

    assert getattr(found, field) == value
    assert found.changed_fields(plain) - {"role", "graceful_restart"} <= {field}


def test_options_select_every_parameter_there_is() -> None:
    assert {field for _, field, _ in SELECTED} == {each.name for each in fields(Parameters)} - NOT_HERE
    assert _parameters(parser().parse(TO_PEER)) == Parameters(as_number=65001)


def test_options_need_only_those_that_exist() -> None:
    names = {option.long_name for option in OPTIONS}

    assert {option.needs.partition(" ")[0] for option in OPTIONS} - {""} <= names


def test_option_that_is_repeated_begins_anew_with_each_parser() -> None:
    parser().parse(["--accept", "192.0.2.0/24", *TO_PEER])

    assert parser().parse(TO_PEER).accept == []
