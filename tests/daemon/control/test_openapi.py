"""The description and the table it is made from, and docs/api.md."""

import json
import re
from pathlib import Path

from rhi.daemon.control.endpoints import ENDPOINTS
from rhi.daemon.control.openapi import description
from tests.daemon.control.schema import violations

ROOT = Path(__file__).parents[3]


def test_description_has_every_endpoint_once() -> None:
    document = description()

    described = [
        (method.upper(), path, operation["operationId"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]

    assert sorted(described) == sorted((each.method, each.path, each.name) for each in ENDPOINTS)
    assert len({name for _, _, name in described}) == len(described)


def test_description_refers_to_schemas_that_are_there() -> None:
    text = json.dumps(description())

    names = set(re.findall(r'"#/components/schemas/([^"]+)"', text))

    assert names
    assert names <= description()["components"]["schemas"].keys()


def test_description_says_what_every_field_and_parameter_of_a_request_is() -> None:
    document = description()
    for operations in document["paths"].values():
        for operation in operations.values():
            assert all(each["description"] for each in operation.get("parameters", []))
            assert operation["summary"].endswith(".")


def test_schema_finds_what_is_wrong() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        "required": ["a"],
        "additionalProperties": False,
    }

    assert violations({"a": 1, "b": None}, schema, {}) == []
    wrongs: list[object] = [{}, {"a": "1"}, {"a": True}, {"a": 1, "b": 2}, {"a": 1, "c": 2}, []]
    for wrong in wrongs:
        assert violations(wrong, schema, {}) != []
    assert violations("x", {"pattern": "y"}, {}) != []


def test_docs_list_every_endpoint_as_it_is() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")

    listed = re.findall(r"^\| `(GET|PUT|POST|DELETE) ([^`]+)` \| (.+?) \|$", text, re.MULTILINE)

    assert listed == [(each.method, each.path, each.summary) for each in ENDPOINTS]
