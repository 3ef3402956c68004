"""What the services on one address want together."""

from collections.abc import Sequence
from dataclasses import dataclass

from rhi.daemon.decision.spec import Sharing
from rhi.daemon.decision.standing import Standing
from rhi.model.attributes import PathAttributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What should become of an address.

    Attributes:
        is_known: False leaves it as it is: announced if it is, and not announced before somebody knows.
        attributes: to announce it with; None withdraws it.
        because: the service that decided.
        is_ordered: an operator wants it withdrawn.
        is_forced: and against all guards.
    """

    is_known: bool
    attributes: PathAttributes | None
    because: str
    is_ordered: bool = False
    is_forced: bool = False


def combine(standings: Sequence[Standing], sharing: Sharing, *, is_live: bool) -> Wish:
    """The wish of all services on an address; `is_live`: it is announced now.

    A service that does not know yet is left out on a live address, since a new member must not pull it down,
    and is waited for on another. With ALL the worst of the services sets the attributes, with ANY the best.
    """
    known = [standing for standing in standings if standing.is_known]
    wanting = [standing for standing in known if standing.attributes is not None]
    refusing = [standing for standing in known if standing.attributes is None]
    unknown = next((standing for standing in standings if not standing.is_known), None)
    if sharing is Sharing.ANY and wanting:
        best = min(wanting, key=_severity)
        return Wish(is_known=True, attributes=best.attributes, because=best.service)
    if unknown is not None and (not known or not (is_live or (refusing and sharing is Sharing.ALL))):
        return Wish(is_known=False, attributes=None, because=unknown.service)
    if refusing:
        strongest = max(refusing, key=lambda each: (each.is_forced, each.is_ordered))
        return Wish(
            is_known=True,
            attributes=None,
            because=strongest.service,
            is_ordered=strongest.is_ordered,
            is_forced=strongest.is_forced,
        )
    worst = max(wanting, key=_severity)
    return Wish(is_known=True, attributes=worst.attributes, because=worst.service)


def _severity(standing: Standing) -> tuple[bool, int, bool]:
    assert standing.attributes is not None
    level = 0 if standing.level is None else standing.level
    return standing.attributes.graceful_shutdown, level, standing.is_degraded
