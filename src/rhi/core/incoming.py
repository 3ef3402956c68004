"""What a session hears from its peer: routes are counted and dropped, and reported when somebody asks.

An UPDATE with errors that RFC 7606 lets the session survive is counted and told.
"""

from ipaddress import ip_address
from typing import Any, Final

from rhi.core.events import EventLog
from rhi.core.prefix_limit import PrefixLimit
from rhi.model.events import EndOfRibReceived, RoutesReceived, UpdateMalformed
from rhi.wire.attributes import RawAttribute
from rhi.wire.faults import Treatment
from rhi.wire.iana import AttributeCode, SegmentType
from rhi.wire.update import Update

# A peer may send thousands of malformed UPDATEs a second: events of them are for people.
MALFORMED_EVENT_INTERVAL: Final = 10.0


class Incoming:
    """The receiving side of one established session.

    Attributes:
        routes: announced by the peer since the session began.
        malformed: UPDATEs with errors that were survived, since then.
    """

    def __init__(
        self, log: EventLog, *, reports_routes: bool = False, maximum_prefixes: int | None = None
    ) -> None:
        """`log` gets the events, with `reports_routes` also RoutesReceived and EndOfRibReceived.

        `maximum_prefixes` is how many routes of each family there may be at a time; None does not count them.
        """
        self.routes = 0
        self.malformed = 0
        self._log = log
        self._reports_routes = reports_routes
        self._limit = None if maximum_prefixes is None else PrefixLimit(maximum_prefixes, log)
        self._silent_until: dict[Treatment, float] = {}

    def take(self, update: Update, now: float) -> None:
        """Act on one UPDATE.

        Raises:
            NotificationError: the peer announces more than it may.
        """
        # hot: bench/receive.py
        self.routes += sum([len(prefixes) for _, prefixes in update.announcements()])
        if update.faults:
            self._note_malformed(update, now)
        if self._limit is not None:
            self._limit.take(update)
        if self._reports_routes:
            self._report(update, self._log)

    def close(self) -> None:
        """The session is over: forget what the peer holds up."""
        self._limit = None

    def _note_malformed(self, update: Update, now: float) -> None:
        self.malformed += 1
        treatment = update.treatment
        if treatment is None or now < self._silent_until.get(treatment, now):
            return
        self._silent_until[treatment] = now + MALFORMED_EVENT_INTERVAL
        self._log.add(
            UpdateMalformed(
                peer=self._log.peer,
                treatment=treatment.label,
                detail="; ".join(fault.detail for fault in update.faults),
                count=self.malformed,
            )
        )

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
