"""What one session tells its peer: an Adj-RIB-Out for each family agreed on, all under one export policy.

Made when the session comes up and closed with it. `pull` hands out UPDATEs of all families in turn; what
cannot be told is counted by reason.
"""

from ipaddress import IPv4Address

from rhi.core.adj_rib_out import AdjRibOut, count_passing
from rhi.core.events import EventLog
from rhi.core.export import NOT_NEGOTIATED, ExportPolicy
from rhi.core.open_policy import Negotiated, offered_families
from rhi.core.quarantine import Quarantine
from rhi.core.route_table import RouteTable
from rhi.core.sent import SessionRoutes
from rhi.model.events import EndOfRibSent, RoutesHeldBack
from rhi.model.parameters import Parameters
from rhi.model.prefix import FAMILY_OF_VERSION, Family, IPAddress


class Outgoing:
    """The sending side of one established session."""

    def __init__(
        self,
        parameters: Parameters,
        negotiated: Negotiated,
        local: IPAddress,
        router_id: IPv4Address,
        table: RouteTable,
        log: EventLog,
        quarantine: Quarantine,
        now: float,
    ) -> None:
        """`local` is our end of the TCP connection; `log` gets EndOfRibSent and RoutesHeldBack."""
        self._parameters = parameters
        self._negotiated = negotiated
        self._local = local
        self._router_id = router_id
        self._table = table
        self._log = log
        self._held_back: dict[str, int] = {}
        self._has_told = False
        self._policy = self._make_policy()
        self._quarantine = quarantine
        quarantine.session_up(self._policy, now, has_keepalives=negotiated.hold_time != 0)
        narrowed = quarantine.narrow(self._policy)
        self._ribs = {
            family: AdjRibOut(
                table,
                family,
                narrowed,
                negotiated.max_message_size,
                marks_refresh=negotiated.enhanced_refresh,
            )
            for family in negotiated.families
        }

    @property
    def is_pending(self) -> bool:
        """The peer has yet to be told something."""
        return any(rib.is_pending for rib in self._ribs.values())

    @property
    def families(self) -> tuple[Family, ...]:
        """Families agreed on."""
        return tuple(self._ribs)

    @property
    def ended_families(self) -> tuple[Family, ...]:
        """Families whose End-of-RIB has been handed out."""
        return tuple(family for family, rib in self._ribs.items() if rib.end_of_rib_sent)

    @property
    def advertised(self) -> int:
        """Routes put into UPDATEs."""
        return sum(rib.advertised for rib in self._ribs.values())

    @property
    def withdrawn(self) -> int:
        """Routes withdrawn in UPDATEs."""
        return sum(rib.withdrawn for rib in self._ribs.values())

    def __len__(self) -> int:
        """Routes the peer holds from us."""
        return sum(len(rib) for rib in self._ribs.values())

    def sent(self) -> SessionRoutes:
        """A copy of what the peer holds."""
        return SessionRoutes(
            self._ribs, self._offered, self._negotiated, self._policy, self._quarantine.held()
        )

    def configure(self, parameters: Parameters) -> None:
        """Send what comes out differently under other parameters."""
        self._parameters = parameters
        self._policy = self._make_policy()
        self._quarantine.take_policy(self._policy)
        self.apply_quarantine()

    def apply_quarantine(self) -> None:
        """Send what is no longer held back."""
        narrowed = self._quarantine.narrow(self._policy)
        for rib in self._ribs.values():
            rib.change_policy(narrowed)

    def refresh(self, family: Family) -> None:
        """Send one family again; one that was not agreed on is ignored (RFC 2918 §4)."""
        if family in self._ribs:
            self._ribs[family].refresh()

    def pull(self, limit: int, now: float) -> list[bytes]:
        """UPDATEs of all families; each gets its share, so that none waits for another's full table.

        What can wait until the bytes are on their way is done when there are no more.
        """
        messages: list[bytes] = []
        pending = [rib for rib in self._ribs.values() if rib.is_pending]
        for rib in pending:
            was_sent = rib.end_of_rib_sent
            messages += rib.pull(max(1, limit // len(pending)))
            if rib.end_of_rib_sent and not was_sent:
                self._log.add(EndOfRibSent(peer=self._log.peer, family=rib.family.label))
        is_pending = bool(pending) and self.is_pending
        self._quarantine.handed_out(messages, now, is_pending=is_pending)
        self._has_told |= bool(pending)
        if self._has_told and not messages and not is_pending:
            self._has_told = False
            self._look_for_changes(now)
        if not pending:
            for rib in self._ribs.values():
                rib.tidy()
        return messages

    def heard(self, now: float) -> None:
        """The peer has sent something."""
        self._quarantine.heard(now)
        self.handle_timeout(now)

    def next_timeout(self) -> float:
        """When to call `handle_timeout`."""
        return self._quarantine.next_timeout()

    def handle_timeout(self, now: float) -> None:
        """Try the next routes that the peer may refuse, if it is time."""
        if self._quarantine.advance(now):
            self.apply_quarantine()
        elif now >= self._quarantine.next_timeout():
            self._look_for_changes(now)

    def held_back(self) -> dict[str, int]:
        """Routes that the peer ought to have and is not sent, by reason."""
        found = self._quarantine.held_back()
        for family in self._offered:
            rib = self._ribs.get(family)
            counts = self._not_negotiated(family) if rib is None else rib.held_back()
            for reason, count in counts.items():
                if count:
                    found[reason] = found.get(reason, 0) + count
        return found

    def close(self) -> None:
        """The session is over: the peer holds nothing any more."""
        for rib in self._ribs.values():
            rib.close()

    @property
    def _offered(self) -> tuple[Family, ...]:
        return offered_families(self._parameters, FAMILY_OF_VERSION[self._local.version])

    def _make_policy(self) -> ExportPolicy:
        return ExportPolicy(self._parameters, self._negotiated, self._local, self._router_id)

    def _look_for_changes(self, now: float) -> None:
        if self._quarantine.look_for_changes(now):
            self.apply_quarantine()
        self._tell_held_back()

    def _tell_held_back(self) -> None:
        held_back = self.held_back()
        for reason in sorted({*held_back, *self._held_back}):
            count = held_back.get(reason, 0)
            if count != self._held_back.get(reason, 0):
                self._log.add(RoutesHeldBack(peer=self._log.peer, reason=reason, count=count))
        self._held_back = held_back

    def _not_negotiated(self, family: Family) -> dict[str, int]:
        blocks = self._table.blocks(family)
        return {NOT_NEGOTIATED: sum(sum(count_passing(block, self._policy).values()) for block in blocks)}
