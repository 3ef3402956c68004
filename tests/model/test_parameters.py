"""`Parameters`: ranges, the seed's JSON, and a password that shows nowhere."""

import copy
import dataclasses
import json
import pickle
import re
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.parameters import (
    LIVE_FIELDS,
    SESSION_FIELDS,
    Parameters,
    Role,
    to_as_number,
    to_port,
    to_router_id,
)
from rhi.model.tcp_ao import AoKey
from tests.model.anything import ANYTHING, HUGE, refusal, refusal_or_none

FIELDS = [field.name for field in dataclasses.fields(Parameters)]
DEFAULTS = Parameters(as_number=65000)

# What a field cannot do without.
NEEDS: dict[str, dict[str, Any]] = {
    "long_lived_stale_time": {"graceful_restart": 60},
    "role_strict": {"role": "peer"},
}

# Every field with a value that is not its default.
OTHERS: dict[str, Any] = {
    "as_number": 4200000000,
    "hold_time": 0,
    "source_ip": ip_address("fe80::1%eth0"),
    "next_hop_4": ip_address("192.0.2.1"),
    "next_hop_6": ip_address("2001:db8::1"),
    "multiprotocol": True,
    "med": 0,
    "local_pref": 0,
    "communities": (Community("65000:1"), Community("no-export")),
    "accept": (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")),
    "reject": (ip_network("0.0.0.0/0"), ip_network("::/0")),
    "large_communities": (LargeCommunity(65000, 1, 2),),
    "extended_communities": (
        ExtendedCommunity.parse("rt:1:2"),
        ExtendedCommunity(bytes.fromhex("0202000000010002")),
    ),
    "graceful_shutdown": True,
    "prepend": 2,
    "peer_as": 65001,
    "port": 1179,
    "passive": True,
    "password": b"sesame-open",
    "ao_keys": (AoKey(b"sesame-shut", 1, 2),),
    "ttl_security": True,
    "extended_messages": False,
    "extended_next_hop": True,
    "graceful_restart": 120,
    "long_lived_stale_time": 86400,
    "role": Role.CUSTOMER,
    "role_strict": True,
    "maximum_prefixes": 1000,
    "connect_retry_time": 5.0,
    "connect_timeout": 2.5,
    "send_hold_time": 60.0,
    "quarantine": False,
}
SECRETS = {"password", "ao_keys"}
# As many of them as go together.
TOGETHER = {name: value for name, value in OTHERS.items() if name != "password"}


def test_parameters_defaults_are_the_seeds() -> None:
    shown = {name: getattr(DEFAULTS, name) for name in FIELDS[:11]}

    assert shown == {
        "as_number": 65000,
        "hold_time": 10,
        "source_ip": None,
        "next_hop_4": None,
        "next_hop_6": None,
        "multiprotocol": False,
        "med": None,
        "local_pref": None,
        "communities": (),
        "accept": (),
        "reject": (),
    }


def test_parameters_every_field_can_be_set() -> None:
    parameters = Parameters(**TOGETHER)

    assert set(OTHERS) == set(FIELDS)
    assert {name: getattr(parameters, name) for name in TOGETHER} == TOGETHER
    assert all(getattr(parameters, name) != getattr(DEFAULTS, name) for name in TOGETHER)
    assert Parameters(as_number=1, password=OTHERS["password"]).password == OTHERS["password"]


def test_parameters_text_is_taken_where_configuration_has_text() -> None:
    parameters = Parameters(
        as_number=1,
        source_ip="192.0.2.7",
        next_hop_4="192.0.2.1",
        next_hop_6="2001:db8::1",
        accept=["192.0.2.1", "10.0.0.0/8"],
        password="sésame",
        connect_timeout=3,
    )

    assert parameters.source_ip == ip_address("192.0.2.7")
    assert parameters.next_hop_4 == ip_address("192.0.2.1")
    assert parameters.next_hop_6 == ip_address("2001:db8::1")
    assert parameters.accept == (ip_network("192.0.2.1/32"), ip_network("10.0.0.0/8"))
    assert parameters.password == "sésame".encode()
    assert parameters.connect_timeout == 3.0


@pytest.mark.parametrize("unset", ["0.0.0.0", "::", None])
def test_parameters_unspecified_source_leaves_the_choice_to_the_kernel(unset: str | None) -> None:
    assert Parameters(as_number=1, source_ip=unset).source_ip is None


def test_parameters_every_field_is_either_live_or_of_the_session() -> None:
    assert set(FIELDS) == LIVE_FIELDS | SESSION_FIELDS
    assert set() == LIVE_FIELDS & SESSION_FIELDS
    assert SESSION_FIELDS.issuperset({"as_number", "multiprotocol", "ao_keys"})
    assert LIVE_FIELDS.issuperset({"med", "local_pref", "communities", "accept", "reject", "password"})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("as_number", 0, "as_number 0: must be an AS number from 1 to 4294967294"),
        ("as_number", None, "as_number None: must be an AS number from 1 to 4294967294"),
        (
            "as_number",
            23456,
            "as_number 23456: 23456 is reserved (AS_TRANS, RFC 6793); give the real AS number",
        ),
        ("peer_as", 1 << 32, "peer_as 4294967296: must be an AS number from 1 to 4294967294"),
        ("hold_time", 1, "hold_time 1: must be 0 (no timers) or 3 to 65535 seconds"),
        ("hold_time", 2, "hold_time 2: must be 0 (no timers) or 3 to 65535 seconds"),
        ("hold_time", 65536, "hold_time 65536: must be 0 (no timers) or 3 to 65535 seconds"),
        ("hold_time", -3, "hold_time -3: must be 0 (no timers) or 3 to 65535 seconds"),
        ("hold_time", False, "hold_time False: must be 0 (no timers) or 3 to 65535 seconds"),
        ("hold_time", 10.0, "hold_time 10.0: must be 0 (no timers) or 3 to 65535 seconds"),
        (
            "source_ip",
            "router1",
            "source_ip 'router1': not an IPv4 or IPv6 address, such as 192.0.2.1 or 2001:db8::1",
        ),
        ("source_ip", "224.0.0.1", "source_ip 224.0.0.1: must be an address of this host"),
        ("next_hop_4", "::1", "next_hop_4 '::1': must be an IPv4 address, such as 192.0.2.1"),
        ("next_hop_4", "0.0.0.0", "next_hop_4 0.0.0.0: cannot be a next hop; give a unicast address"),
        ("next_hop_6", "10.0.0.1", "next_hop_6 '10.0.0.1': must be an IPv6 address, such as 2001:db8::1"),
        ("next_hop_6", "::", "next_hop_6 ::: cannot be a next hop; give a unicast address"),
        ("multiprotocol", 1, "multiprotocol 1: must be true or false"),
        ("passive", "yes", "passive 'yes': must be true or false"),
        ("ttl_security", None, "ttl_security None: must be true or false"),
        ("extended_messages", 0, "extended_messages 0: must be true or false"),
        ("extended_next_hop", 2, "extended_next_hop 2: must be true or false"),
        ("graceful_restart", 0, "graceful_restart 0: must be 1 to 4095 seconds"),
        ("graceful_restart", 4096, "graceful_restart 4096: must be 1 to 4095 seconds"),
        ("graceful_restart", True, "graceful_restart True: must be 1 to 4095 seconds"),
        ("long_lived_stale_time", 1 << 24, "long_lived_stale_time 16777216: must be 1 to 16777215 seconds"),
        ("long_lived_stale_time", 60, "long_lived_stale_time: needs graceful_restart (RFC 9494)"),
        ("role", "boss", "role 'boss': must be one of provider, rs, rs-client, customer, peer"),
        ("role_strict", True, "role_strict: needs role (RFC 9234)"),
        *(
            (
                "maximum_prefixes",
                wrong,
                f"maximum_prefixes {wrong}: must be a number from 1 to 4294967295, or None for no limit",
            )
            for wrong in (0, -1, True, 4294967296)
        ),
        ("med", -1, "med -1: must be a number from 0 to 4294967295"),
        ("local_pref", True, "local_pref True: must be a number from 0 to 4294967295"),
        ("prepend", 255, "prepend 255: must be a number from 0 to 254"),
        ("communities", None, "communities None: must be a list"),
        ("large_communities", "1:2:3", "large communities '1:2:3': must be a list"),
        ("extended_communities", 5, "extended communities 5: must be a list"),
        ("accept", "10.0.0.0/8", "accept '10.0.0.0/8': must be a list"),
        ("accept", ip_network("10.0.0.0/8"), "accept IPv4Network('10.0.0.0/8'): must be a list"),
        ("reject", None, "reject None: must be a list"),
        ("reject", [5], "reject 5: give an address or prefix as text or as an ipaddress object"),
        ("port", 0, "port 0: must be a port number from 1 to 65535"),
        ("port", 65536, "port 65536: must be a port number from 1 to 65535"),
        ("port", "179", "port '179': must be a port number from 1 to 65535"),
        ("connect_timeout", 0, "connect_timeout 0: must be a number of seconds, above 0 and at most 86400"),
        (
            "connect_retry_time",
            86401,
            "connect_retry_time 86401: must be a number of seconds, above 0 and at most 86400",
        ),
        (
            "connect_timeout",
            float("nan"),
            "connect_timeout nan: must be a number of seconds, above 0 and at most 86400",
        ),
        (
            "connect_timeout",
            float("inf"),
            "connect_timeout inf: must be a number of seconds, above 0 and at most 86400",
        ),
        (
            "connect_timeout",
            True,
            "connect_timeout True: must be a number of seconds, above 0 and at most 86400",
        ),
        (
            "send_hold_time",
            "60",
            "send_hold_time '60': must be a number of seconds, above 0 and at most 86400",
        ),
    ],
)
def test_parameters_wrong_value_says_what_would_be_right(name: str, value: Any, message: str) -> None:
    assert refusal(Parameters, **{"as_number": 65000, name: value}) == message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hold_time", 3),
        ("hold_time", 65535),
        ("as_number", 1),
        ("as_number", 4294967294),
        ("port", 65535),
        ("connect_timeout", 86400),
        ("prepend", 254),
        ("med", 4294967295),
    ],
)
def test_parameters_value_at_the_edge_is_taken(name: str, value: Any) -> None:
    assert getattr(Parameters(**{"as_number": 65000, name: value}), name) == value


@given(ANYTHING)
def test_parameters_anything_is_taken_or_one_sentence(value: Any) -> None:
    for name in FIELDS:
        refusal_or_none(Parameters, **{"as_number": 1, name: value})
        refusal_or_none(Parameters, **{"as_number": 1, name: [value]})


# --- password


@pytest.mark.parametrize("password", ["x", "x" * 80, b"\0" * 80])
def test_rfc2385_password_of_up_to_80_bytes_is_taken(password: str | bytes) -> None:
    assert len(Parameters(as_number=1, password=password).password or b"") == len(password)


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("", "password: must have 1 to 80 bytes, this one has 0"),
        ("secret" * 14, "password: must have 1 to 80 bytes, this one has 84"),
        ("é" * 41, "password: must have 1 to 80 bytes, this one has 82"),
        ("secret\ud800", "password: has a letter that UTF-8 does not know; give other text or bytes"),
        (12345, "password of type int: must be text or bytes"),
        (HUGE, "password of type int: must be text or bytes"),
        (["secret"], "password of type list: must be text or bytes"),
        (bytearray(b"secret"), "password of type bytearray: must be text or bytes"),
    ],
    ids=["empty", "long", "long in bytes", "surrogate", "number", "huge", "list", "bytearray"],
)
def test_password_that_is_refused_is_not_in_the_message(password: Any, message: str) -> None:
    assert refusal(Parameters, as_number=1, password=password) == message


def test_password_error_does_not_keep_the_text_for_tracebacks() -> None:
    with pytest.raises(ValueError, match="UTF-8") as caught:
        Parameters(as_number=1, password="secret\ud800")

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_password_is_in_no_text_and_no_json() -> None:
    for secret in ({"password": "sesame-open"}, {"ao_keys": [AoKey("sesame-open", 1, 1)]}):
        parameters = Parameters(as_number=65000, **secret)

        for text in (repr(parameters), str(parameters), f"{parameters}", json.dumps(parameters.to_json())):
            assert "sesame" not in text
        assert not parameters.to_json().keys() & SECRETS


def test_password_and_ao_keys_together_are_refused() -> None:
    message = refusal(Parameters, as_number=1, password="sesame", ao_keys=[AoKey("sesame", 1, 1)])

    assert message == "ao_keys: cannot go with password; a session has TCP-AO or TCP MD5"


def test_from_json_takes_ao_keys_as_objects() -> None:
    key = {"key": "sesame", "send_id": 3, "receive_id": 4, "algorithm": "aes-128-cmac-96"}

    parameters = Parameters.from_json({"as_number": 1, "ao_keys": [key]})

    assert parameters.ao_keys == (AoKey("sesame", 3, 4, "aes-128-cmac-96"),)


def test_parameters_repr_shows_what_differs_and_that_there_is_a_password() -> None:
    parameters = Parameters(as_number=1, med=0, password="sesame-open")

    assert repr(parameters) == "Parameters(as_number=1, med=0, password=...)"


# --- JSON


def test_from_json_takes_the_seeds_object_as_it_is() -> None:
    text = """{"as_number": 65001, "hold_time": 4, "source_ip": "0.0.0.0", "next_hop_4": "192.0.2.1",
        "next_hop_6": "::", "multiprotocol": true, "med": 5, "local_pref": 200, "communities": ["65001:100"],
        "accept": ["192.0.2.0/24", "10.0.0.1"], "reject": ["0.0.0.0/0", "::/0"]}"""

    assert Parameters.from_json(text) == Parameters.from_json(text.encode())
    assert Parameters.from_json(text) == Parameters.from_json(json.loads(text))
    assert Parameters.from_json(text) == Parameters(
        as_number=65001,
        hold_time=4,
        next_hop_4="192.0.2.1",
        multiprotocol=True,
        med=5,
        local_pref=200,
        communities=["65001:100"],
        accept=["192.0.2.0/24", "10.0.0.1/32"],
        reject=["0.0.0.0/0", "::/0"],
    )


def test_to_json_has_the_seeds_names_first_and_leaves_out_its_defaults() -> None:
    assert list(DEFAULTS.to_json().items()) == [
        ("as_number", 65000),
        ("hold_time", 10),
        ("source_ip", "0.0.0.0"),
        ("next_hop_4", "0.0.0.0"),
        ("next_hop_6", "::"),
    ]


def test_to_json_values_have_the_seeds_form() -> None:
    shown = Parameters(**TOGETHER).to_json()

    assert list(shown) == [name for name in FIELDS if name not in SECRETS]
    assert shown["communities"] == ["65000:1", "65535:65281"]
    assert shown["accept"] == ["10.0.0.0/8", "2001:db8::/32"]
    assert shown["med"] == 0
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize("name", FIELDS)
def test_json_round_trip_gives_the_same_parameters(name: str) -> None:
    parameters = Parameters(**{"as_number": 65000, **NEEDS.get(name, {}), name: OTHERS[name]})

    again = Parameters.from_json(json.loads(json.dumps(parameters.to_json())))

    assert again.changed_fields(parameters) == ({name} & SECRETS)


@pytest.mark.parametrize("hold_time", [1, 2])
def test_from_json_hold_time_of_1_or_2_becomes_10_as_in_the_seed(hold_time: int) -> None:
    assert Parameters.from_json({"as_number": 1, "hold_time": hold_time}).hold_time == 10


def test_from_json_explicit_zero_means_zero() -> None:
    parameters = Parameters.from_json({"as_number": 1, "hold_time": 0, "med": 0, "local_pref": 0})

    assert (parameters.hold_time, parameters.med, parameters.local_pref) == (0, 0, 0)


@pytest.mark.parametrize("unset", ["", "0.0.0.0", "::", None])
def test_from_json_unspecified_addresses_mean_unset(unset: str | None) -> None:
    value = {"as_number": 1, "source_ip": unset, "next_hop_4": unset, "next_hop_6": unset}

    assert Parameters.from_json(value) == Parameters(as_number=1)


def test_from_json_null_means_the_default() -> None:
    assert Parameters.from_json({**dict.fromkeys(FIELDS), "as_number": 1}) == Parameters(as_number=1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "parameters: as_number is missing; give our AS number"),
        ({"as_number": None}, "parameters: as_number is missing; give our AS number"),
        ([], "parameters: must be a JSON object, not list"),
        ("{}", "parameters: as_number is missing; give our AS number"),
        ("[1]", "parameters: must be a JSON object, not list"),
        (
            '{"password" "x"',
            "parameters: text is no JSON (Expecting ':' delimiter: line 1 column 13 (char 12))",
        ),
        (None, "parameters: must be a JSON object, not NoneType"),
        ({"as_number": 1, "hold_time": True}, "hold_time True: must be 0 (no timers) or 3 to 65535 seconds"),
        ({"as_number": 1, "accept": "::/0"}, "accept '::/0': must be a list"),
        ({"as_number": 1, "communities": {}}, "communities {}: must be a list"),
    ],
)
def test_from_json_wrong_object_says_what_would_be_right(value: Any, message: str) -> None:
    assert refusal(Parameters.from_json, value) == message


@pytest.mark.parametrize("text", [b"\xff", "[" * 100_000, "1" * 5000, '{"password": "secret"'])
def test_from_json_text_that_is_no_json_is_not_shown(text: str | bytes) -> None:
    assert re.fullmatch(r"parameters: text is no JSON \(.{,200}\)", refusal(Parameters.from_json, text))


def test_from_json_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"^parameters: unknown name 'asn'; known are accept, ao_keys, as_number,"
    ) as caught:
        Parameters.from_json({"asn": 1})

    assert all(name in str(caught.value) for name in FIELDS)


@given(st.one_of(ANYTHING, st.dictionaries(st.sampled_from(FIELDS), ANYTHING)))
def test_from_json_anything_is_taken_or_one_sentence(value: Any) -> None:
    refusal_or_none(Parameters.from_json, value)


# --- comparing


@pytest.mark.parametrize("name", FIELDS)
def test_changed_fields_names_the_field_that_differs(name: str) -> None:
    base = dataclasses.replace(DEFAULTS, **NEEDS.get(name, {}))
    other = dataclasses.replace(base, **{name: OTHERS[name]})

    assert base.changed_fields(other) == {name}
    assert other.changed_fields(base) == {name}
    assert base.changed_fields(base) == set()


@pytest.mark.parametrize("name", FIELDS)
def test_diff_tells_whether_routes_would_look_otherwise(name: str) -> None:
    base = dataclasses.replace(DEFAULTS, **NEEDS.get(name, {}))
    other = dataclasses.replace(base, **{name: OTHERS[name]})
    others = {"connect_retry_time", "connect_timeout", "send_hold_time", "password", "quarantine"}

    assert base.diff(other) == (name in LIVE_FIELDS - others)
    assert not base.diff(base)


def test_parameters_are_values() -> None:
    one, other = Parameters(**TOGETHER), Parameters(**TOGETHER)

    assert one == other
    assert hash(one) == hash(other)
    assert copy.deepcopy(one) == one == pickle.loads(pickle.dumps(one))
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.med = 1  # type: ignore[misc]


# --- single values


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1),
        (4294967294, 4294967294),
        ("65000", 65000),
        (" 65000 ", 65000),
        ("1.10", 65546),
        ("0.1", 1),
        ("65535.65534", 4294967294),
        ("0065000", 65000),
    ],
)
def test_rfc5396_as_number_is_a_number_or_asplain_or_asdot(value: int | str, number: int) -> None:
    assert to_as_number(value, "AS") == number


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "0",
        "-1",
        "+1",
        "1.",
        ".1",
        "1.2.3",
        "1.65536",
        "65536.1",
        "65535.65535",
        "4294967295",
        "99999999999",
        "٦٥٠٠٠",
        "1e3",
        "0x10",
        0,
        -1,
        4294967295,
        pytest.param(HUGE, id="huge"),
        "9" * 5000,
        True,
        1.0,
        None,
        b"1",
        [1],
    ],
)
def test_to_as_number_anything_else_is_refused(value: Any) -> None:
    message = refusal(to_as_number, value, "AS")

    assert message.startswith("AS ")
    assert message.endswith(": must be an AS number from 1 to 4294967294")


@pytest.mark.parametrize("value", [23456, "23456", "0.23456"])
def test_rfc6793_9_as_trans_is_nobodys_number(value: int | str) -> None:
    message = refusal(to_as_number, value, "AS")

    assert message == f"AS {value}: 23456 is reserved (AS_TRANS, RFC 6793); give the real AS number"


@pytest.mark.parametrize("text", ["192.0.2.1", "0.0.0.1", "255.255.255.255", "127.0.0.1", "224.0.0.1"])
def test_rfc6286_2_1_router_id_is_any_number_but_zero(text: str) -> None:
    assert to_router_id(text) == IPv4Address(text)
    assert to_router_id(IPv4Address(text)) == IPv4Address(text)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.0.0.0", "router id 0.0.0.0: must not be zero; give an IPv4 address of this host"),
        ("::1", "router id '::1': must be an IPv4 address, such as 192.0.2.1"),
        (1, "router id 1: must be an IPv4 address, such as 192.0.2.1"),
        ("one", "router id 'one': must be an IPv4 address, such as 192.0.2.1"),
    ],
)
def test_router_id_anything_else_is_refused(value: Any, message: str) -> None:
    assert refusal(to_router_id, value) == message


@given(st.one_of(ANYTHING, st.text()))
def test_single_values_anything_is_taken_or_one_sentence(value: Any) -> None:
    refusal_or_none(to_as_number, value, "what")
    refusal_or_none(to_port, value, "what")
    refusal_or_none(to_router_id, value)
