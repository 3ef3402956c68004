"""Services of a draft that share an address have to say the same of where it is; several processes may not.

Where their addresses are the same ones, what does most counts for all. Where they differ, nothing is done:
an address that nobody asked for would be added.
"""

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import Any, Final

from rhi.daemon.importing.draft import Draft, Table

_KEYS: Final = ("address_mode", "interface", "address_while")
_MODES: Final = (None, "check", "own")


def agree(draft: Draft) -> None:
    """Have services that share an address say the same of it; a note is at each that did not."""
    for tables in _sharing([service.table for service in draft.services.values()]):
        said = [_said(table) for table in tables]
        is_same = len({_addresses(table) for table in tables}) == 1
        chosen = max(said, key=_weight) if is_same else (None,) * len(_KEYS)
        for table, before in zip(tables, said, strict=True):
            if before == chosen:
                continue
            for key, value in zip(_KEYS, chosen, strict=True):
                if value is None:
                    table.remove(key)
                else:
                    table.set(key, value)
            others = ", ".join(each.title for each in tables if each is not table)
            what = f'is "{chosen[0]}" as there' if is_same else "is left out: put the addresses there before"
            draft.note(table, f"address_mode: {others} has an address of it too, and another way; it {what}")


def _sharing(tables: Sequence[Table]) -> Iterator[list[Table]]:
    """Those that share addresses, by way of others too."""
    groups: list[tuple[set[str], list[Table]]] = []
    for table in tables:
        addresses, members = set(_addresses(table)), [table]
        apart = []
        for group in groups:
            if not group[0].isdisjoint(addresses):
                addresses, members = group[0] | addresses, group[1] + members
            else:
                apart.append(group)
        groups = [*apart, (addresses, members)]
    return (members for _, members in groups if len(members) > 1)


def _addresses(table: Table) -> frozenset[str]:
    addresses = table.values["addresses"]
    return frozenset(map(_plain, [addresses] if isinstance(addresses, str) else addresses))


def _plain(address: str) -> str:
    """In one way of several, 203.0.113.10 as 203.0.113.10/32; what is wrong is said later."""
    try:
        return str(ip_network(address))
    except ValueError:
        return address


def _said(table: Table) -> tuple[Any, ...]:
    return tuple(table.values.get(key) for key in _KEYS)


def _weight(said: tuple[Any, ...]) -> tuple[int, bool]:
    return _MODES.index(said[0]), said[2] is not None
