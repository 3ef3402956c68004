"""Which addresses are on which interfaces, made of the kernel's messages."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rhi.daemon.addresses.spec import is_single
from rhi.model.prefix import Family, Prefix


@dataclass(frozen=True, slots=True)
class LinkNews:
    """An interface is there, or is there no more."""

    index: int
    name: str
    is_gone: bool
    has_arp: bool = False


@dataclass(frozen=True, slots=True)
class AddressNews:
    """An address is on an interface, or is there no more.

    Attributes:
        packed: its bytes.
        length: of the prefix that it was given with.
        is_tentative: the kernel is still asking whether somebody else has it.
        is_duplicate: somebody else has.
        mark: the protocol it was added by (IFA_PROTO); 0 unknown.
    """

    index: int
    packed: bytes
    length: int
    is_gone: bool
    is_tentative: bool = False
    is_duplicate: bool = False
    mark: int = 0


News = LinkNews | AddressNews


@dataclass(frozen=True, slots=True)
class Seen:
    """An address on one interface, with all the prefix lengths that it was given there.

    Attributes:
        is_usable: it answers.
        is_duplicate: it does not, since somebody else on the link has it.
        mark: of the address with its full length, which is how rhi adds it; None: there is none of that.
    """

    is_usable: bool
    is_duplicate: bool
    mark: int | None


@dataclass(frozen=True, slots=True)
class Network:
    """An IPv4 address of an interface that answers ARP, with the network it is in."""

    interface: str
    packed: bytes
    length: int


class Picture:
    """All interfaces and their addresses.

    Attributes:
        touched: addresses whose place has changed since somebody looked last; who looks clears it.
        is_rebuilt: interfaces have come or gone since: anything may have changed.
    """

    def __init__(self) -> None:
        self.touched: set[bytes] = set()
        self.is_rebuilt = True
        self._links: dict[int, LinkNews] = {}
        self._indices: dict[str, int] = {}
        self._places: dict[bytes, dict[tuple[int, int], AddressNews]] = {}

    def apply(self, news: News) -> None:
        """Note what one message tells."""
        if isinstance(news, LinkNews):
            self._apply_link(news)
            return
        self.touched.add(news.packed)
        places = self._places.setdefault(news.packed, {})
        if news.is_gone:
            places.pop((news.index, news.length), None)
            if not places:
                del self._places[news.packed]
        else:
            places[news.index, news.length] = news

    def _apply_link(self, news: LinkNews) -> None:
        before = self._links.get(news.index)
        if news.is_gone:
            self._links.pop(news.index, None)
            self._forget(news.index)
        else:
            self._links[news.index] = news
        self._indices = {link.name: index for index, link in self._links.items()}
        self.is_rebuilt |= before != self._links.get(news.index)

    def _forget(self, index: int) -> None:
        for packed, places in list(self._places.items()):
            for key in [key for key in places if key[0] == index]:
                del places[key]
            if not places:
                del self._places[packed]

    def has_interface(self, name: str) -> bool:
        """Whether there is one of this name."""
        return name in self._indices

    def index_of(self, name: str) -> int | None:
        """The number by which the kernel knows an interface."""
        return self._indices.get(name)

    def seen(self, prefix: Prefix) -> dict[str, Seen]:
        """Where an address is, by interface; of a range, where any address of it is."""
        if is_single(prefix):
            entries = self._places.get(prefix.packed, {}).values()
            return self._by_interface(entries, prefix.family.bits)
        return self._by_interface(self._inside(prefix), prefix.family.bits)

    def networks(self) -> list[Network]:
        """The IPv4 networks that neighbours ask for addresses in, by ARP."""
        found = []
        for packed, places in self._places.items():
            for entry in places.values():
                link = self._links.get(entry.index)
                if link is not None and link.has_arp and len(packed) == Family.IPV4_UNICAST.size:
                    found.append(Network(link.name, packed, entry.length))
        return found

    def _by_interface(self, entries: Iterable[AddressNews], bits: int) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        for entry in entries:
            link = self._links.get(entry.index)
            if link is None:
                continue
            before = found.get(link.name, _NOWHERE)
            found[link.name] = Seen(
                is_usable=before.is_usable or not (entry.is_tentative or entry.is_duplicate),
                is_duplicate=before.is_duplicate or entry.is_duplicate,
                mark=entry.mark if entry.length == bits else before.mark,
            )
        return found

    def _inside(self, prefix: Prefix) -> Iterator[AddressNews]:
        network = prefix.network
        first, last = network.network_address.packed, network.broadcast_address.packed
        for packed, places in self._places.items():
            if len(packed) == len(first) and first <= packed <= last:
                yield from places.values()


_NOWHERE: Final = Seen(is_usable=False, is_duplicate=False, mark=None)
