"""A configuration that a client shows, for a plan: checked, but nothing that it names is read or run.

Its keys stand in files of this host, which a client may name but not have opened. A key that the running
configuration takes from the same place is taken to be the same; any other is taken to be new.
"""

from collections.abc import Iterator
from typing import Any, Final

from rhi.daemon.config.build import Setup, build
from rhi.daemon.config.fields import range_of
from rhi.daemon.config.load import check
from rhi.daemon.config.problems import ConfigError, Problem

# Few letters can name many addresses, and a plan takes time and memory for each.
MAX_ADDRESSES: Final = 16_384

_NAME: Final = "document"
_UNREAD: Final = b"unread"


def setup_of(document: dict[str, Any], running: Setup) -> Setup:
    """What a document asks for, beside what runs.

    Raises:
        ConfigError: it is wrong, or has too many addresses.
        BuildError: fields of a peer do not go together.
    """
    count = sum(_counts(document))
    most = MAX_ADDRESSES + sum(len(each.prefixes) for each in running.specs.services.values())
    if count > most:
        text = f"{count} addresses: at most {most} can be planned over the API"
        raise ConfigError(_NAME, [Problem(("services",), text)], {})

    def find_key(file: str | None, variable: str | None) -> bytes | None:
        return None if file is None and variable is None else running.keys.get((file, variable), _UNREAD)

    return build(check(document, _NAME, {}), find_key)


def _counts(document: dict[str, Any]) -> Iterator[int]:
    """How many addresses each entry of each service stands for; what is wrong is found later."""
    services = document.get("services")
    for service in services.values() if isinstance(services, dict) else ():
        addresses = service.get("addresses") if isinstance(service, dict) else None
        for text in addresses if isinstance(addresses, list) else [addresses]:
            try:
                ends = range_of(text) if isinstance(text, str) else None
            except ValueError:
                ends = None
            yield 1 if ends is None else int(ends[1]) - int(ends[0]) + 1
