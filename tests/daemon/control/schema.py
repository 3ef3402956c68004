"""A small validator of JSON schema, for what the OpenAPI description uses of it."""

from typing import Any

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
_KNOWN = {
    "$ref", "additionalProperties", "anyOf", "const", "default", "description", "enum", "items", "maxLength",
    "maximum", "minimum", "properties", "required", "title", "type",
}  # fmt: skip


def violations(value: Any, schema: dict[str, Any], document: dict[str, Any], place: str = "$") -> list[str]:
    """What is wrong with a value; a schema with a word that is not known is wrong too."""
    found = [f"{place}: schema says {word}" for word in schema.keys() - _KNOWN]
    if "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return found + violations(value, target, document, place)
    if "anyOf" in schema:
        each = [violations(value, one, document, place) for one in schema["anyOf"]]
        return found + (min(each, key=len) if all(each) else [])
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{place}: {value!r} is none of {schema['enum']}")
    if "type" in schema and not _is_of(value, schema["type"]):
        return [*found, f"{place}: {value!r} is no {schema['type']}"]
    if isinstance(value, dict):
        found += _in_object(value, schema, document, place)
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            found += violations(item, schema["items"], document, f"{place}[{number}]")
    return found


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind != "boolean":
        return False
    return isinstance(value, _TYPES[kind])


def _in_object(
    value: dict[str, Any], schema: dict[str, Any], document: dict[str, Any], place: str
) -> list[str]:
    found = [f"{place}: {name} is missing" for name in schema.get("required", []) if name not in value]
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in properties:
            found += violations(item, properties[name], document, f"{place}.{name}")
        elif rest is False:
            found.append(f"{place}: {name} is not in the schema")
        elif isinstance(rest, dict):
            found += violations(item, rest, document, f"{place}.{name}")
    return found
