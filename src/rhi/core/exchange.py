"""The routes that one neighbour and we tell each other, from its first session to its last.

`Outgoing` and `Incoming` are made anew for each session. What outlives one is kept here: the quarantine of
routes that the peer has refused, the marks of a drain, the counts of the last session. Which connection is
the session, and since when, is for `peer` to say.
"""

from dataclasses import replace
from ipaddress import IPv4Address

from rhi.core.events import EventLog
from rhi.core.fsm import Connection
from rhi.core.incoming import Incoming
from rhi.core.open_policy import Negotiated
from rhi.core.outgoing import Outgoing
from rhi.core.quarantine import Quarantine
from rhi.core.route_table import RouteTable
from rhi.errors import NotificationError
from rhi.model.events import MAX_LISTED
from rhi.model.parameters import Parameters
from rhi.model.prefix import FAMILY_OF_CODES, IPAddress
from rhi.model.sent import NOTHING_SENT
from rhi.model.status import Status
from rhi.wire.iana import ErrorCode
from rhi.wire.messages import RouteRefreshMessage
from rhi.wire.notification import Notification


class RouteExchange:
    """The routes of one neighbour, in both directions.

    Attributes:
        outgoing: what the established session is told; None without a session.
        incoming: what that session tells us, or the last one did.
        quarantine: routes that the peer has refused.
    """

    def __init__(
        self, router_id: IPv4Address, table: RouteTable, log: EventLog, *, reports_routes: bool
    ) -> None:
        self.outgoing: Outgoing | None = None
        self.incoming = Incoming(log)
        self.quarantine = Quarantine(table, log)
        self._router_id = router_id
        self._table = table
        self._log = log
        self._reports_routes = reports_routes
        self._is_marking = False
        self._counted = (0, 0)

    def session_up(
        self, parameters: Parameters, negotiated: Negotiated, local: IPAddress, now: float
    ) -> None:
        """There is a session; `local` is our end of its TCP connection."""
        self._counted = (0, 0)
        self.incoming = Incoming(
            self._log,
            reports_routes=self._reports_routes,
            maximum_prefixes=parameters.maximum_prefixes,
        )
        self.outgoing = Outgoing(
            self._marked(parameters),
            negotiated,
            local,
            self._router_id,
            self._table,
            self._log,
            self.quarantine,
            now,
        )

    def session_down(self) -> None:
        """The session is over; `is_reason_known` is to be asked next."""
        self._counted = self._count()
        if self.outgoing is not None:
            self.outgoing.close()
        self.incoming.close()
        self.outgoing = None

    def is_reason_known(self, notification: Notification | None, parameters: Parameters, now: float) -> bool:
        """Whether the session has ended with an UPDATE error that routes can be suspected of."""
        if notification is None or notification.code != ErrorCode.UPDATE_MESSAGE or not parameters.quarantine:
            self.quarantine.session_down(now)
            return False
        return self.quarantine.refused(notification.text, now, has_announced=self._counted[0] > 0)

    def forget_counts(self) -> None:
        """A new attempt begins: what the last session was told is of no interest any more."""
        self._counted = (0, 0)

    def configure(self, parameters: Parameters) -> None:
        """Send what comes out differently under other parameters."""
        if self.outgoing is not None:
            self.outgoing.configure(self._marked(parameters))

    def mark(self, parameters: Parameters, marked: bool) -> None:
        """Send all routes as `graceful_shutdown` has it, whatever the parameters say; or no longer."""
        self._is_marking = marked
        self.configure(parameters)

    def release_quarantine(self) -> None:
        """Send quarantined routes again."""
        self.quarantine.release()
        if self.outgoing is not None:
            self.outgoing.apply_quarantine()

    def take(self, connection: Connection, now: float) -> None:
        """Act on the messages of an established session; those that it may not send end the connection."""
        for message in connection.received:
            if not isinstance(message, RouteRefreshMessage):
                try:
                    self.incoming.take(message, now)
                except NotificationError as error:
                    connection.fail(error, now)
                    break
            elif self.outgoing is not None and message.subtype == 0:
                family = FAMILY_OF_CODES.get((message.afi, message.safi))
                if family is not None:
                    self.outgoing.refresh(family)
        connection.received.clear()

    def describe(self, status: Status, *, is_pending: bool) -> Status:
        """The status with what is about routes."""
        outgoing = self.outgoing
        sent = None if outgoing is None else outgoing.sent()
        advertised, withdrawn = self._count()
        return replace(
            status,
            advertised_routes=advertised,
            withdrawn_routes=withdrawn,
            current_routes=0 if outgoing is None else len(outgoing),
            families=() if outgoing is None else tuple(each.label for each in outgoing.families),
            end_of_rib=() if outgoing is None else tuple(each.label for each in outgoing.ended_families),
            pending_routes=is_pending,
            held_back={} if outgoing is None else outgoing.held_back(),
            received_routes=self.incoming.routes,
            malformed_updates=self.incoming.malformed,
            quarantined=tuple(str(prefix) for prefix in self.quarantine.parked_routes()[:MAX_LISTED]),
            sent=NOTHING_SENT if sent is None else sent,
            read_adj_rib_out=lambda: [] if sent is None else [str(prefix) for prefix in sent.prefixes()],
        )

    def _marked(self, parameters: Parameters) -> Parameters:
        return replace(parameters, graceful_shutdown=True) if self._is_marking else parameters

    def _count(self) -> tuple[int, int]:
        """Routes announced and withdrawn in UPDATEs of this session; of the last one when there is none."""
        if self.outgoing is None:
            return self._counted
        return self.outgoing.advertised, self.outgoing.withdrawn
