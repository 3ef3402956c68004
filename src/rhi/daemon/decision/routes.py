"""An address between the wish of its services and its route: what is remembered, and what it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rhi.daemon.decision.addresses import Wish, combine
from rhi.daemon.decision.spec import Presence, Service, Sharing
from rhi.daemon.decision.standing import Standing
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address, and why it is as it is.

    Attributes:
        prefix: its route.
        attributes: what it is announced with; None when it is not.
        since: instant of the last change between announced and not.
        because: the service that decided.
        kept_by: the rule that keeps it although its services do not want it, or nothing.
    """

    prefix: Prefix
    attributes: PathAttributes | None
    since: float
    because: str
    kept_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An address that is announced, withdrawn or told differently from now on; the sides may be None."""

    prefix: Prefix
    before: PathAttributes | None
    after: PathAttributes | None
    because: str
    kept_by: str = ""


@dataclass(slots=True, kw_only=True)
class Entry:
    """What has to be remembered of an address.

    Attributes:
        now: as it was decided last.
        index: its place among all that are configured.
        services: those that have it, in their order.
        sharing: which of them must want it.
        wish: what they wanted last; None before they know.
        good: what they last wanted it announced with.
        failed_at: instant at which they stopped wanting it.
        presence: whether it is on this host.
    """

    now: Address
    index: int = 0
    services: tuple[Service, ...] = ()
    sharing: Sharing = Sharing.ALL
    wish: Wish | None = None
    good: PathAttributes | None = None
    failed_at: float = 0.0
    presence: Presence = Presence.HERE

    @property
    def is_live(self) -> bool:
        """It is announced."""
        return self.now.attributes is not None

    @property
    def due(self) -> Wish | None:
        """What is to become of it: the wish, unless the address is not on this host.

        What is announced of an absent address leads nowhere, so neither its services nor a guard keep it.
        """
        if self.wish is None or self.presence is Presence.HERE:
            return self.wish
        if self.presence is Presence.ABSENT:
            return replace(self.wish, attributes=None, is_ordered=True, is_forced=True)
        return self.wish if self.is_live else replace(self.wish, attributes=None, is_ordered=True)

    @property
    def is_never_last(self) -> bool:
        """A service of it wants it kept while nobody else announces it."""
        return any(service.never_last for service in self.services)

    def configure(self, index: int, services: tuple[Service, ...], sharing: Sharing) -> None:
        """Belong to these services from now on."""
        self.index, self.services, self.sharing = index, services, sharing
        if self.wish is not None and all(service.name != self.wish.because for service in services):
            # who wished it is not asked any more; the address stays as it is until the others know
            first = services[0].name
            attributes = self.now.attributes
            self.wish = None
            if attributes is not None:
                self.wish = Wish(is_known=True, attributes=attributes, because=first)

    def ask(self, standings: Mapping[str, Standing], now: float) -> bool:
        """Take over what the services want, if they know it; true when that is something else than before."""
        before = self.wish
        wish = combine(
            [standings[service.name] for service in self.services], self.sharing, is_live=self.is_live
        )
        if not wish.is_known:
            return False
        if wish.attributes is not None:
            self.good = wish.attributes
        elif before is not None and before.attributes is not None:
            self.failed_at = now
        self.wish = wish
        return wish != before

    def adopt(self, attributes: PathAttributes, because: str, now: float) -> None:
        """Be announced by a service that knows nothing yet."""
        self.now = Address(prefix=self.now.prefix, attributes=attributes, since=now, because=because)
        self.wish = Wish(is_known=True, attributes=attributes, because=because)
        self.good = attributes

    def disown(self, now: float) -> bool:
        """Be wanted no longer, while no service knows anything; false when nobody ever wanted it."""
        if self.wish is None:
            return False
        self.wish = Wish(is_known=True, attributes=None, because=self.now.because)
        self.failed_at = now
        return True

    def settle(self, kept_by: str, *, is_degraded: bool, now: float) -> Change | None:
        """Become what has been decided; `is_degraded`: what is kept is made worse."""
        wish, before = self.due, self.now
        if wish is None:
            return None
        after = wish.attributes
        if kept_by:
            assert self.good is not None
            after = self.good
            if is_degraded:
                service = next(each for each in self.services if each.name == wish.because)
                after = service.degraded.apply(after)
        is_turned = (after is None) != (before.attributes is None)
        self.now = Address(
            prefix=before.prefix,
            attributes=after,
            since=now if is_turned else before.since,
            because=wish.because,
            kept_by=kept_by,
        )
        if after == before.attributes:
            return None
        return Change(
            prefix=before.prefix, before=before.attributes, after=after, because=wish.because, kept_by=kept_by
        )

    def copy(self) -> "Entry":
        """The same, to go on by itself."""
        return replace(self)
