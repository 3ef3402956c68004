"""The daemon at work: checks, decisions and sessions of one configuration, until it is told to stop.

    runner ── reports ──► controller ── routes ──► pool (its own thread)
                              ▲                       │
                              └──── origins, events ──┘

Everything but the sessions lives in one event loop. What happens within one turn of it is decided together,
once; the sessions have their own thread, so that nothing here delays a keepalive.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import rhi
from rhi.daemon.addresses.aging import PeerLook
from rhi.daemon.addresses.arp import ArpWatch
from rhi.daemon.addresses.keeper import AddressKeeper
from rhi.daemon.addresses.kernel import Kernel
from rhi.daemon.addresses.memory import StateMemory
from rhi.daemon.addresses.parts import OpenKernel
from rhi.daemon.addresses.telling import Teller
from rhi.daemon.alarms import Alarms
from rhi.daemon.config.build import Setup
from rhi.daemon.config.options import Options
from rhi.daemon.controller import Controller, Decided
from rhi.daemon.decision.reconciler import Inputs
from rhi.daemon.decision.spec import Verdict
from rhi.daemon.drains.conductor import Conductor
from rhi.daemon.failed_calls import FailedCalls
from rhi.daemon.history import Entry, History
from rhi.daemon.keeper import Keeper
from rhi.daemon.leaving import RESERVE, is_host_stopping, late_peers, lead_away
from rhi.daemon.origins import Origins, is_ours
from rhi.daemon.plan import Plan, make_plan
from rhi.daemon.policies import OnExit
from rhi.daemon.state import Clocks, StateFile
from rhi.daemon.warm import is_forwarding_kept
from rhi.health.checker import Report
from rhi.health.runner import Runner
from rhi.model.events import (
    CallFailed,
    CallRecovered,
    Event,
    PeerRemoved,
    RoutesMissed,
    SessionDown,
    SessionUp,
)
from rhi.net.peer_map import parse_peers

_log = logging.getLogger("rhi")

# Seconds from a decision that fails by a mistake of ours to one that goes by all there is.
LOOK_AGAIN: Final = 5.0
# Seconds that the end waits for the state file.
KEEP_TIME: Final = 2.0
# Seconds that taking them away may take.
REMOVE_TIME: Final = 1.0
# Seconds that who says something waits until it is kept.
SAVE_TIME: Final = 1.0


class ReloadRefused(Exception):
    """A new configuration is not taken although it is right; the message says what it would do."""


class Daemon:
    """One configuration at work. Made, used and closed in one event loop.

    Attributes:
        setup, options: what is in force.
        controller, history, alarms, runner, pool, conductor: its parts, for those who show them.
        keeper: of the state file; None without one.
        addresses: keeper of the services' addresses on this host.
        started_at: monotonic instant.
        reloads: how many there were, by what became of them: `applied`, `refused`, `failed`.
        reloading: to be held from reading a file to acting on it.
        before_end: awaited in turn at the end, after the routes have left, with the services that are kept.
        on_options: called with what a reload has made of the options.
        on_report, on_decision, on_event: called in the event loop with each round of a check, each decision
            and its instant, and each event of a session; must return at once.
    """

    def __init__(
        self,
        setup: Setup,
        options: Options,
        log: Callable[[Entry], None],
        *,
        open_kernel: OpenKernel = Kernel,
    ) -> None:
        """Start everything.

        Raises:
            ListenError: an address to listen on cannot be had.
            SocketOptionError: a peer has a password, and the kernel has no TCP MD5.
            StateInUseError: another daemon has the state file; nothing has begun.
        """
        self._loop = asyncio.get_running_loop()
        self.options = options
        self.setup = setup
        self._is_watching = setup.watches_origins
        self.started_at = self._loop.time()
        self.reloads = {"applied": 0, "refused": 0, "failed": 0}
        self.reloading = asyncio.Lock()
        self.on_report: list[Callable[[Report], None]] = []
        self.on_decision: list[Callable[[Decided, float], None]] = []
        self.on_event: list[Callable[[Event], None]] = []
        self.on_options: list[Callable[[Options], None]] = []
        self.before_end: list[Callable[[frozenset[str]], Awaitable[object]]] = [self._release_addresses]
        self._ends_at = self.started_at
        self.is_host_stopping = is_host_stopping
        self.history = History(lambda: datetime.now(UTC), log)
        self.alarms = Alarms(self.history)
        self._failed_calls = FailedCalls(self.alarms, self._look_later)
        self.origins = Origins(self._note_origin)
        self.keeper = self._make_keeper(options.state_file)
        self._is_due = False
        self._is_leaving = self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._start(open_kernel)

    def _start(self, open_kernel: OpenKernel) -> None:
        """Sessions first, then what they are told, then what that goes by."""
        setup, options = self.setup, self.options
        self.pool = self._open_pool()
        self.controller = Controller(setup, self.pool, self.history, self.alarms, self.clocks, self.keeper)
        self._take_options(options)
        self.controller.restore()
        self.conductor = Conductor(self.pool, self.controller.drains, setup.peers, self.decide_soon)
        # what drains keep from a peer is known before there are any routes
        self.conductor.act(setup.peers)
        self.controller.adopt()
        self.runner = Runner(self._take_report)
        self._mind_addresses(open_kernel)
        self.runner.configure(setup.checks)
        for note in setup.notes:
            self.history.add("start", "", note)
        # before peers are told End-of-RIB, whatever is known
        within = options.complete_within
        self._loop.call_later(within - min(0.5, within / 10), self._disown)
        self.decide_soon()

    def _open_pool(self) -> rhi.Pool:
        setup = self.setup
        return rhi.Pool(
            setup.router_id,
            dict(setup.peers),
            observer=_Watcher(self) if self._is_watching else _Relay(self),
            listen=setup.listen,
            dynamic_peers=dict(setup.dynamic_peers),
            complete_within=self.options.complete_within,
            forwarding_kept=is_forwarding_kept(self.keeper, setup.peers.values()),
        )

    def _mind_addresses(self, open_kernel: OpenKernel) -> None:
        """Begin to look after the services' addresses on this host, as far as routes are known by now."""
        self._look_again: asyncio.TimerHandle | None = None
        self._look = PeerLook(
            self.pool.flush, lambda: self.setup.peers, self.controller.drains.sessions.established
        )
        self._arp = ArpWatch(self.alarms, lambda: self.addresses.minded)
        self.addresses = AddressKeeper(
            open_kernel,
            StateMemory(self.keeper, self.saved),
            Teller(self.history, self.alarms),
            self._look,
            self.controller.reconciler.wants,
            self._note_presence,
            self._arp.note,
        )
        self._settling = self._loop.call_later(self.options.complete_within, self.addresses.settled)
        self.addresses.announced(self.controller.reconciler.routes)
        self._watch_addresses()

    def _watch_addresses(self) -> None:
        addresses = set(self.controller.reconciler.addresses)
        self.origins.watch(addresses)
        self.addresses.configure(self.setup.addresses, addresses)

    async def saved(self) -> bool:
        """Wait for a moment until what was said is in the state file; false when it is not."""
        return self.keeper is None or await self.keeper.saved(SAVE_TIME)

    def _make_keeper(self, file: str | None) -> Keeper | None:
        if file is None:
            return None
        return Keeper(StateFile(file), self.clocks, lambda text: self.alarms.set("state file", text))

    @property
    def inputs(self) -> Inputs:
        """What the next decision goes by."""
        return self.controller.inputs

    def clocks(self) -> Clocks:
        """The clocks of everything here, now."""
        return Clocks(self._loop.time(), time.time())

    def decide_soon(self) -> None:
        """Decide in the next turn of the event loop, together with whatever else this turn brings."""
        if not self._is_due and not self._is_closed:
            self._is_due = True
            self._loop.call_soon(self._decide)

    async def plan(self, setup: Setup) -> Plan:
        """What going over to `setup` would change.

        Peers are compared with what their sessions have now: something may wait for a new session, or have
        been refused. A thread asks for it, as the sessions have their own.
        """
        sessions = await asyncio.to_thread(self.pool.parameters)
        wanted = dict(parse_peers(self.controller.drains.parameters(setup.peers)).values())
        inputs = replace(self.inputs, presence=self.addresses.foresee(setup.addresses))
        before, after = replace(self.setup, peers=sessions), replace(setup, peers=wanted)
        return make_plan(before, after, self.controller.reconciler, inputs, self._loop.time())

    def needs_consent(self, plan: Plan) -> bool:
        """Whether more routes would leave than a reload may take away by itself."""
        return plan.exceeds(self.options.reload_limit)

    async def reload(self, setup: Setup, *, consent: bool = False) -> Plan:
        """Go over to another configuration; returns what that changes.

        Without consent sessions that would have to be reset keep their parameters until they end by
        themselves. `reloading` is to be held.

        Raises:
            ReloadRefused: more routes would leave than `reload_limit` allows, and there is no consent; or the
                end has begun.
        """
        plan = await self.plan(setup)
        if self._is_leaving:
            raise ReloadRefused("the daemon ends")
        if not consent and self.needs_consent(plan):
            raise self._refused(plan)
        self.controller.forget_checks(set(self.setup.checks) - set(setup.checks))
        self.setup = setup
        self._take_options(setup.options or self.options)
        self.controller.configure(setup)
        self.conductor.act(setup.peers, allow_reset=consent, retries=True)
        self._watch_addresses()
        self.runner.configure(setup.checks)
        self.alarms.set("reload", None)
        self._tell_unwatched()
        self.reloads["applied"] += 1
        self.history.add("reload", "", plan.summary())
        self.decide_soon()
        return plan

    def _refused(self, plan: Plan) -> ReloadRefused:
        text = (
            f"{plan.withdrawals} of {plan.announced} announced routes would be withdrawn, and without "
            f"consent at most {self.options.reload_limit} may be"
        )
        self.alarms.set("reload", f"refused: {text}")
        self.history.add("reload", "", f"refused: {text}")
        self.reloads["refused"] += 1
        return ReloadRefused(f"{text}; give consent if it is meant")

    def _take_options(self, options: Options) -> None:
        self.options = options
        self.controller.pace = options.pace
        for tell in self.on_options:
            tell(options)

    def _tell_unwatched(self) -> None:
        """Routes of peers are watched from the start of their sessions or not at all."""
        is_blind = self.setup.watches_origins and not self._is_watching
        text = "what peers show is watched after a restart only; until then its services keep their addresses"
        self.alarms.set("never_last", text if is_blind else None)

    def reload_failed(self, text: str) -> None:
        """A configuration could not be used: everything stays as it is, and an alarm says so."""
        self.alarms.set("reload", f"failed, the configuration before stays in force: {text}")
        # an alarm that is there already tells nothing new; whoever tries again wants to know
        self.history.add("reload", "", f"failed: {text}")
        self.reloads["failed"] += 1

    async def leave(self, reason: str, time_left: float) -> None:
        """Lead traffic away as services say, and end; `time_left` seconds are the most it may take."""
        self._is_leaving = True  # from here on nothing new is announced
        deadline = self._ends_at = self._loop.time() + time_left
        keeps = any(each.on_exit is OnExit.KEEP for each in self.setup.specs.services.values())
        is_stopping = keeps and await self.is_host_stopping()
        kept = await lead_away(self, reason, deadline - self._loop.time(), is_stopping)
        for hook in self.before_end:
            try:
                async with asyncio.timeout(max(0.0, deadline - self._loop.time() - RESERVE / 2)):
                    await hook(frozenset(kept))
            except Exception as error:  # a mistake of ours must not keep sessions from their end
                self._note_end(f"something was not done at the end: {error!r}")
        if kept:
            late = await late_peers(self.controller, self.pool.flush, self._note_end)
            for peer in late & self.setup.peers.keys():
                self.pool.shut_down(peer, f"rhi ends ({reason})")
        await self.close(f"rhi ends ({reason})", keep_routes=bool(kept))

    def _note_end(self, text: str) -> None:
        self.history.add("end", "", text)

    async def close(self, message: str = "", *, keep_routes: bool = False) -> None:
        """End sessions and checks. The routes leave, unless peers keep them through graceful restart."""
        if self._is_closed:
            return
        self._is_closed = True
        for handle in (self._timer, self._look_again, self._settling):
            if handle is not None:
                handle.cancel()
        self.conductor.close()
        self._failed_calls.close()
        # first what others see, then what is only ours
        await self._loop.run_in_executor(None, self.pool.close, message, keep_routes)
        await self.runner.close()
        await self.addresses.close(REMOVE_TIME)
        self._look.close()
        self._arp.close()
        if self.keeper is not None:
            await self.keeper.close(KEEP_TIME)

    async def _release_addresses(self, kept: frozenset[str]) -> None:
        """Take away the addresses of routes that have left, but those of the services that are kept."""
        services = self.setup.specs.services
        keep = {prefix for name in kept if name in services for prefix in services[name].prefixes}
        # a moment less than there is: what cannot be waited for is still removed when sessions have ended
        await self.addresses.release(keep, self._ends_at - RESERVE / 2 - 0.5)

    def _disown(self) -> None:
        self.controller.disown()
        self.decide_soon()

    def _decide(self) -> None:
        self._is_due = False
        if self._is_closed:
            return
        try:
            self._bring_about()
        except Exception as error:
            # a mistake of ours must neither pass unseen nor be the last decision; what it has left undone is
            # not known, so all there is is looked at a little later, and meanwhile whatever is new
            _log.exception("a decision has failed")
            self.alarms.set("decision", f"internal error: {error!r}; what is announced may be out of date")
            self._look_later()

    def _look_later(self) -> None:
        if self._look_again is None:
            self._look_again = self._loop.call_later(LOOK_AGAIN, self._decide_all)

    def _decide_all(self) -> None:
        self._look_again = None
        self.controller.distrust()
        self._decide()
        if self._look_again is None:
            self.alarms.set("decision", None)
            self._failed_calls.said_again()

    def _bring_about(self) -> None:
        decided = self.controller.decide()
        self.conductor.act(self.setup.peers)
        self.addresses.decided(decided.changes, decided.wishes)
        if self.controller.is_complete:
            self.addresses.settled()
        now = self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if decided.next_at is not None:
            self._timer = self._loop.call_at(decided.next_at, self.decide_soon)
        # last: a mistake of whoever listens must not keep the next decision from being made
        for tell in self.on_decision:
            tell(decided, now)

    def _take_report(self, report: Report) -> None:
        verdict = Verdict.STALE if report.after.is_stale else Verdict(report.after.verdict.value)
        detail = report.alarm or ("" if report.result is None else report.result.detail)
        before = self.controller.verdicts.get(report.key, Verdict.UNKNOWN)
        if verdict is not before or report.alarm:
            self.controller.set_verdict(report.key, verdict, detail)
        if verdict is not before:
            self.decide_soon()
        for tell in self.on_report:
            tell(report)

    def _note_presence(self) -> None:
        self.controller.presence = self.addresses.presence
        self.decide_soon()

    def _note_origin(self, prefix: rhi.Prefix, is_elsewhere: bool) -> None:
        self.controller.set_origin(prefix, is_elsewhere=is_elsewhere)
        self.decide_soon()

    def take_route(self, peer: str, prefix: rhi.Prefix, is_there: bool) -> None:
        """A peer shows one of our addresses, or does so no longer; called in the event loop."""
        if not self._is_closed:
            self.origins.route(peer, prefix, is_there=is_there)

    def take_event(self, event: Event) -> None:
        """Something has happened to a session; called in the event loop."""
        if self._is_closed:
            return
        if isinstance(event, SessionUp):
            self.history.add("session", event.peer, "is up", **event.to_json())
        elif isinstance(event, SessionDown):
            self.history.add("session", event.peer, f"is down: {event.reason}", **event.to_json())
            self.origins.peer_down(event.peer)
        elif isinstance(event, RoutesMissed):
            self.origins.peer_down(event.peer)
        elif isinstance(event, PeerRemoved):
            self._failed_calls.forget(event.peer)
        elif isinstance(event, CallFailed | CallRecovered):
            self._failed_calls.take_event(event)
        self.conductor.take_event(event)
        self._look.take_event(event)
        for tell in self.on_event:
            tell(event)


class _Relay(rhi.Observer):
    """Carries what the pool's thread tells into the event loop."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._loop = asyncio.get_running_loop()
        self._own_as = {str(each.as_number) for each in daemon.setup.peers.values()}
        self._router_id = str(daemon.setup.router_id)

    def on_event(self, event: Event) -> None:
        """Hand it over."""
        self._hand_over(self._daemon.take_event, event)

    def _hand_over(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call, *arguments)


class _Watcher(_Relay):
    """The same, with what peers show of our addresses. Costs time for each route that a peer sends."""

    def on_route(self, peer: str, prefix: rhi.Prefix, attributes: Mapping[str, Any] | None) -> None:
        """Hand over what is of interest."""
        if self._daemon.origins.is_watched(prefix):
            is_other = attributes is not None and not is_ours(attributes, self._own_as, self._router_id)
            self._hand_over(self._daemon.take_route, peer, prefix, is_other)
