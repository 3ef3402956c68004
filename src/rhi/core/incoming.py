"""What a session hears from its peer: routes are counted and dropped, and reported when somebody asks."""

from ipaddress import ip_address
from typing import Any

from rhi.core.events import EventLog
from rhi.model.events import EndOfRibReceived, RoutesReceived
from rhi.wire.attributes import RawAttribute
from rhi.wire.iana import AttributeCode, SegmentType
from rhi.wire.update import Update


class Incoming:
    """The receiving side of one established session.

    Attributes:
        routes: announced by the peer since the session began.
    """

    def __init__(self, log: EventLog | None = None) -> None:
        """With `log`, it gets RoutesReceived and EndOfRibReceived."""
        self.routes = 0
        self._log = log

    def take(self, update: Update) -> None:
        """Act on one UPDATE."""
        self.routes += update.announced_count
        if self._log is not None:
            self._report(update, self._log)

    def _report(self, update: Update, log: EventLog) -> None:
        family = update.end_of_rib
        if family is not None:
            log.add(EndOfRibReceived(peer=log.peer, family=family.label))
            return
        announced = update.all_announced
        log.add(
            RoutesReceived(
                peer=log.peer,
                announced=announced,
                withdrawn=update.all_withdrawn,
                attributes=readable_attributes(update) if announced else None,
            )
        )


def readable_attributes(update: Update) -> dict[str, Any]:
    """Attributes by their names, without the routes of MP attributes; AS sets as `{64500 64501}`."""
    result: dict[str, Any] = {}
    for code, value in sorted(update.attributes.items()):
        if code == AttributeCode.MP_REACH_NLRI:
            result["next_hop" if "next_hop" not in result else "mp_next_hop"] = _next_hop(value.next_hop)
        elif code != AttributeCode.MP_UNREACH_NLRI:
            result[_name(code)] = _readable(code, value)
    return result


def _next_hop(packed: bytes) -> str:
    """One address, or a global and a link-local one (RFC 2545 §3); other families have other forms."""
    if len(packed) not in (4, 16, 32):
        return packed.hex()
    return ",".join(str(ip_address(packed[i : i + 16])) for i in range(0, len(packed), 16))


_NAMES = {int(code): code.name.lower() for code in AttributeCode} | {
    int(AttributeCode.MULTI_EXIT_DISC): "med"
}


def _name(code: int) -> str:
    return _NAMES.get(code, f"attribute_{code}")


def _readable(code: int, value: Any) -> Any:
    if isinstance(value, RawAttribute):
        return value.value.hex()
    if code == AttributeCode.ORIGIN:
        return value.name.lower()
    if code in (AttributeCode.AS_PATH, AttributeCode.AS4_PATH):
        return " ".join(_segment(segment.kind, segment.as_numbers) for segment in value)
    if code in (AttributeCode.NEXT_HOP, AttributeCode.ORIGINATOR_ID):
        return str(ip_address(value))
    if code in (AttributeCode.AGGREGATOR, AttributeCode.AS4_AGGREGATOR):
        return f"{value.as_number} {ip_address(value.router_id)}"
    if code == AttributeCode.CLUSTER_LIST:
        return [str(ip_address(item)) for item in value]
    return [str(item) for item in value] if isinstance(value, tuple) else value


def _segment(kind: int, numbers: tuple[int, ...]) -> str:
    text = " ".join(map(str, numbers))
    return f"{{{text}}}" if kind in (SegmentType.AS_SET, SegmentType.AS_CONFED_SET) else text
