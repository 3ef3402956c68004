"""From the JSON of the Go library (docs/from-go.md): `Parameters` of one peer, or a map from peers to them.

The map is what its `Pool.Configure` took, and peers are all there is: addresses came from the program, and so
did the checks. There 0 in a file was the same as nothing, and stands for the default here too.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rhi.daemon.importing.draft import Draft, SourceError, Table
from rhi.errors import InvalidValueError
from rhi.model.parameters import Parameters
from rhi.model.wording import shown

NAMES: Final = (
    "as_number",
    "hold_time",
    "source_ip",
    "next_hop_4",
    "next_hop_6",
    "multiprotocol",
    "med",
    "local_pref",
    "communities",
    "accept",
    "reject",
)
_UNSET: Final[tuple[object, ...]] = (None, "", "0.0.0.0", "::", [])
_ZERO_IS_UNSET: Final = ("med", "local_pref", "hold_time")


def convert(text: str, draft: Draft, peers: Sequence[str], addresses: Sequence[str]) -> None:
    """Write what `text` asks for into `draft`.

    Args:
        peers: whom a single object is for.
        addresses: of the service; the JSON has none.

    Raises:
        SourceError: it is no JSON of the library.
    """
    for name, value in _by_peer(_load(text), peers).items():
        _peer(draft, name, value)
    if addresses:
        draft.add_service("addresses").table.set("addresses", list(addresses))
        draft.note(
            draft.services["addresses"].table,
            "is always announced: the checks that your program made, or others, are to be written here",
        )
    else:
        draft.note(draft.head, "addresses: came from your program: give them by --address, or write services")


def _load(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceError(f"no JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except (RecursionError, ValueError):
        raise SourceError("no JSON of the library: nested too deeply, or a number without end") from None


def _by_peer(document: object, peers: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(document, dict) or not document:
        raise SourceError("must be an object: the Parameters of a peer, or a map from peers to Parameters")
    if "as_number" not in document:
        return document
    if not peers:
        raise SourceError("has the Parameters of one peer: give that by --peer")
    return dict.fromkeys(peers, document)


def _peer(draft: Draft, name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise SourceError(f"peer {name}: {shown(value)}: must be an object of Parameters")
    for key in value:
        if key not in NAMES:
            raise SourceError(f"peer {name}: {key!r}: is none of the library's names: {', '.join(NAMES)}")
    values = {key: each for key, each in value.items() if each not in _UNSET}
    zeros = [key for key in _ZERO_IS_UNSET if values.get(key) == 0 and values[key] is not False]
    values = {key: each for key, each in values.items() if key not in zeros}
    try:
        parameters = Parameters.from_json(values)
    except InvalidValueError as error:
        raise SourceError(f"peer {name}: {error}") from None
    _table(draft, draft.add_peer(name), parameters, value, zeros)


def _table(
    draft: Draft, table: Table, parameters: Parameters, given: Mapping[str, Any], zeros: Sequence[str]
) -> None:
    draft.as_number = draft.as_number or parameters.as_number
    for key, value in parameters.to_json().items():
        is_ours = key == "as_number" and value == draft.as_number
        if not is_ours and value not in _UNSET:
            table.set(key, value)
    for key in zeros:
        draft.note(table, f"{key} 0: was the same as none in the Go library; write {key} = 0 to mean it")
    if given.get("hold_time") in (1, 2):
        draft.note(table, f"hold_time {given['hold_time']}: was taken for {parameters.hold_time}")
