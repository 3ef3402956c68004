"""What one service wants for its addresses: its level, what holds it there, and what an operator has said."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rhi.daemon.decision.damping import NO_PENALTY, Penalty
from rhi.daemon.decision.overrides import Action, Override
from rhi.daemon.decision.policy import Tally, level_of
from rhi.daemon.decision.spec import Adjustment, Service, Verdict
from rhi.model.attributes import PathAttributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What has to be remembered of a service.

    Attributes:
        raw: level by its checks alone; None before the first.
        level: level in force; None before the first.
        since: instant of the last change of `level`.
        penalty: of flap damping.
    """

    raw: int | None = None
    level: int | None = None
    since: float = 0.0
    penalty: Penalty = NO_PENALTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One link of the chain from checks to routes, for those who ask why."""

    stage: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a service wants.

    Attributes:
        service: its name.
        level: in force; None: not known yet.
        level_name: what status calls it.
        since: instant of the last change of level.
        attributes: to announce its addresses with; None withdraws, or announces nothing yet.
        is_known: it has an opinion; one that has none leaves its addresses as they are.
        is_degraded: a dependency has failed, or a check has died.
        is_ordered: an operator wants it withdrawn now.
        is_forced: and against all guards.
        steps: the chain.
        next_at: instant at which time alone may change this; None never.
        past: to be handed in next time.
    """

    service: str
    level: int | None
    level_name: str
    since: float
    attributes: PathAttributes | None
    is_known: bool
    is_degraded: bool
    is_ordered: bool
    is_forced: bool
    steps: tuple[Step, ...]
    next_at: float | None
    past: Past


def judge(
    service: Service,
    verdicts: Mapping[str, Verdict],
    override: Override | None,
    past: Past,
    now: float,
) -> Standing:
    """The standing of a service at `now`; `past` is that of its last standing."""
    tally = Tally.of(service.checks, verdicts)
    steps = [Step(stage="checks", text=str(tally))]
    deadlines: list[float] = []
    past = _advance(service, level_of(service.bands, tally, past.raw), past, now, steps, deadlines)
    degraded_by = _degraded_by(service, tally, verdicts)
    if degraded_by:
        steps.append(Step(stage="degraded", text=degraded_by))
    if override is not None and override.is_over(now):
        override = None
    if override is not None:
        steps.append(Step(stage="override", text=str(override)))
        change = override.next_change(now)
        if change is not None:
            deadlines.append(change)
    is_ordered = override is not None and override.withdraws(now)
    adjustments = _adjustments(service, past.level, bool(degraded_by), override, now)
    return Standing(
        service=service.name,
        level=past.level,
        level_name="unknown" if past.level is None else service.level_name(past.level),
        since=past.since,
        attributes=None if adjustments is None else _apply(adjustments, service.attributes),
        is_known=past.level is not None or override is not None,
        is_degraded=bool(degraded_by),
        is_ordered=is_ordered,
        is_forced=is_ordered and override is not None and override.is_forced,
        steps=tuple(steps),
        next_at=min(deadlines, default=None),
        past=past,
    )


def _advance(
    service: Service, raw: int | None, past: Past, now: float, steps: list[Step], deadlines: list[float]
) -> Past:
    """Damping and dwell: how far the level may follow what the checks say."""
    if raw is None:
        steps.append(Step(stage="policy", text="not decided yet"))
        return past
    steps.append(Step(stage="policy", text=service.level_name(raw)))
    aim, penalty = raw, past.penalty
    if service.damping is not None:
        penalty = penalty.after(raw, past.raw, service.damping, now)
        if penalty.is_suppressed:
            aim = penalty.worst
            let_go = penalty.reuse_at(service.damping)
            deadlines.append(let_go)
            text = (
                f"held at {service.level_name(aim)}: penalty {penalty.decayed(service.damping, now):.0f}, "
                f"{let_go - now:.0f} s more"
            )
            steps.append(Step(stage="damping", text=text))
    changed = replace(past, raw=raw, penalty=penalty)
    if aim == past.level:
        return changed
    if past.level is not None:
        allowed_at = past.since + (service.min_up if aim > past.level else service.min_down)
        if now < allowed_at:
            deadlines.append(allowed_at)
            text = f"stays {service.level_name(past.level)} for {allowed_at - now:.1f} s more"
            steps.append(Step(stage="dwell", text=text))
            return changed
    return replace(changed, level=aim, since=now)


def _degraded_by(service: Service, tally: Tally, verdicts: Mapping[str, Verdict]) -> str:
    """Why the service is degraded, or nothing."""
    failed = [name for name in service.dependencies if verdicts.get(name) is Verdict.DOWN]
    died = [name for name in service.dependencies if verdicts.get(name) is Verdict.STALE]
    parts = []
    if failed:
        parts.append(f"dependency fails: {', '.join(failed)}")
    if died or tally.stale:
        parts.append(f"check died: {', '.join([*tally.stale, *died])}")
    return "; ".join(parts)


def _adjustments(
    service: Service, level: int | None, is_degraded: bool, override: Override | None, now: float
) -> list[Adjustment] | None:
    """What becomes of the attributes, in order; None withdraws."""
    if override is not None and override.withdraws(now):
        return None
    if override is not None and override.action is Action.ANNOUNCE:
        level, is_degraded = 0, False
    adjustment = None if level is None else service.adjustment(level)
    if adjustment is None:
        return None
    adjustments = [adjustment]
    if is_degraded:
        adjustments.append(service.degraded)
    if override is not None and (override.action is Action.DRAIN or override.is_marked):
        adjustments.append(service.draining)
    return adjustments


def _apply(adjustments: list[Adjustment], attributes: PathAttributes) -> PathAttributes:
    for adjustment in adjustments:
        attributes = adjustment.apply(attributes)
    return attributes
