"""The table of types, and that wrong options are named in sentences that help."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from rhi.errors import InvalidValueError
from rhi.health.problems import sentences
from rhi.health.table import CHECKS, AnyCheck, to_check

TCP = {"type": "tcp", "address": "192.0.2.1", "port": 80}
HTTP = {"type": "http", "url": "http://192.0.2.1/"}


def test_table_names_agree_with_the_types() -> None:
    assert {name: kind.model_fields["type"].default for name, kind in CHECKS.items()} == {
        name: name for name in CHECKS
    }


def test_union_for_configurations_holds_the_same_types() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(AnyCheck)
    mapping = adapter.json_schema()["discriminator"]["mapping"]

    assert set(mapping) == set(CHECKS)
    assert adapter.validate_python(TCP) == to_check(TCP)


def test_every_option_is_described() -> None:
    for kind in CHECKS.values():
        for name, field in kind.model_fields.items():
            assert name == "type" or field.description, f"{kind.__name__}.{name}"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "type: is missing; right is one of tcp, tls, http, dns, icmp, grpc, exec, file, systemd, "),
        ({"type": "tpc"}, "type 'tpc': is not known; did you mean tcp?"),
        ({"type": 5}, "type 5: is not known; right is one of tcp"),
        ({"type": "tcp", "port": 80}, "address: is missing"),
        ({**TCP, "port": "80"}, "port '80': must be a whole number, without quotes"),
        ({**TCP, "port": 0}, "port 0: must be at least 1"),
        ({**TCP, "port": 65536}, "port 65536: must be at most 65535"),
        ({**TCP, "port": 80.5}, "port 80.5: must be a whole number, without quotes"),
        ({**TCP, "address": "www.example"}, "address 'www.example': must be an IP address such as 192.0.2.1"),
        ({**TCP, "address": "0.0.0.0"}, "address '0.0.0.0': must be the address of one host"),
        ({**TCP, "address": "::ffff:192.0.2.1"}, "is an IPv4 address in IPv6 form; write 192.0.2.1"),
        ({**TCP, "address": "fe80::1"}, "fe80::1: a link-local address needs its interface: fe80::1%eth0"),
        ({**TCP, "source": "2001:db8::1"}, "source 2001:db8::1: must be IPv4, as 192.0.2.1 is"),
        ({**TCP, "interface": "a/b"}, "interface 'a/b': must be the name of a network interface"),
        ({**TCP, "interface": "sixteen-letters-"}, "must be the name of a network interface"),
        ({**TCP, "intervall": 5}, "intervall: is no option of this check; did you mean interval?"),
        ({**TCP, "interval": 0}, "interval 0: must be at least 0.05"),
        ({**TCP, "interval": float("nan")}, "interval nan: must be a finite number"),
        ({**TCP, "timeout": "soon"}, "timeout 'soon': must be a duration: a number of seconds, or text such"),
        ({**TCP, "timeout": "2h"}, "timeout '2h': must be at most 3600"),
        ({**TCP, "timeout": True}, "timeout True: must be a number, without quotes"),
        ({**TCP, "fast_interval": 9}, "fast_interval 9: must be at most the interval"),
        ({**TCP, "kind": "remote"}, "kind 'remote': must be 'local' or 'dependency'"),
        ({**TCP, "rise": True}, "rise True: must be a whole number, without quotes"),
        ({**TCP, "name": ""}, "name '': must be a name: one line of text, and not empty"),
        ({**TCP, "name": "a\nb"}, "must be a name: one line of text, and not empty"),
        ({"type": "systemd", "unit": "unbound"}, "unit 'unbound': must be the name of a unit with its"),
        ({"type": "haproxy", "socket": "/s", "backend": "a b"}, "backend 'a b': must be the name of a back"),
        ({**TCP, "expect": "*"}, "expect '*': must hold more than stars, or it fits anything"),
        ({**HTTP, "status": "2xx"}, "status '2xx': '2xx' is no number or range; write 200-299,401"),
        ({**HTTP, "url": "http://localhost/"}, "url: localhost is a name, and never looked up: give"),
        ({**HTTP, "headers": {"A": 5}}, "headers.A 5: must be text, in quotes"),
        ({**HTTP, "verify": "yes"}, "verify 'yes': must be true or false, without quotes"),
        ({"type": "exec", "command": "ls -l"}, "command 'ls -l': must be a list, in square brackets"),
        ({"type": "exec", "command": []}, "command []: must have at least 1 entries"),
        ({"type": "exec", "command": ["x"], "environment": []}, "environment []: must be a table of names"),
        ({"type": "file", "path": "x"}, "path 'x': must be an absolute path, such as /run/service.pid"),
        ({"type": "process"}, "needs pid_file or process, or both"),
        ({"type": "push"}, "max_age: is missing"),
    ],
)  # fmt: skip
def test_wrong_option_is_named_with_its_value_and_what_would_be_right(
    options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        to_check(options)

    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_durations_may_be_text() -> None:
    assert to_check({**TCP, "interval": "5m", "timeout": "500ms"}) == to_check(
        {**TCP, "interval": 300, "timeout": 0.5}
    )
    assert to_check({"type": "push", "max_age": "1h"}) == to_check({"type": "push", "max_age": 3600})


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(InvalidValueError) as caught:
        to_check({"type": "tcp", "address": "x", "interval": -1, "colour": "red"})

    assert [line.split(":")[0].split(" ")[0] for line in str(caught.value).splitlines()] == [
        "interval", "address", "port", "colour",
    ]  # fmt: skip


def test_sentences_serve_other_models_too() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(CHECKS["push"])
    with pytest.raises(ValueError, match="max_age") as caught:
        adapter.validate_python({"type": "push", "max_age": 0})

    assert sentences(caught.value, CHECKS["push"]) == ["max_age 0: must be at least 0.05"]  # type: ignore[arg-type]
