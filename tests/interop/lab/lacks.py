"""What the installed versions of the daemons cannot do, with the reason and how we know.

One table for each daemon, by the name of the feature. `test_not_supported.py` puts to the test what can be:
an option that the daemon refuses, a capability that its OPEN does not have, or something of its own. A daemon
that learns a feature makes that test fail, and asks for the entry to be replaced by a test of the feature.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from rhi.wire.iana import CapabilityCode
from tests.interop.lab.bird import Bird
from tests.interop.lab.exabgp import ExaBgp
from tests.interop.lab.frr import Frr
from tests.interop.lab.gobgp import GoBgp
from tests.interop.lab.openbgpd import OpenBgpd
from tests.interop.lab.router import Router


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """A feature that a daemon does not have. All but the reason is tested as it stands.

    Attributes:
        reason: one sentence for the footnote, or none where the evidence says it all.
        option: a line for the neighbour's configuration that a daemon with the feature would take.
        refusal: what this one says to it.
        offers_no: a capability that its OPEN does not have.
        without_n_bit: its graceful restart capability has no N bit (RFC 8538 §2).
    """

    reason: str = ""
    option: str = ""
    refusal: str = ""
    offers_no: CapabilityCode | None = None
    without_n_bit: bool = False

    @property
    def text(self) -> str:
        """The footnote."""
        found = [self.reason] if self.reason else []
        if self.option:
            found.append(f"It refuses the option `{self.option}`.")
        if self.offers_no is not None:
            name = self.offers_no.name.lower().replace("_", " ")
            found.append(f"Its OPEN has no capability {self.offers_no.value} ({name}).")
        if self.without_n_bit:
            found.append("Its graceful restart capability has no N bit (RFC 8538 §2).")
        return " ".join(found)


_KEEPS_NO_TABLE: Final = Lack(reason="It keeps no table, so there is nothing that it could keep or drop.")
_CRASH: Final = "graceful restart: a crash keeps the routes"
_STOP: Final = "graceful restart: a stop takes the routes"
_LEAVE: Final = "graceful restart: a stop leaves the routes if told to"
_HELD: Final = "graceful restart: End-of-RIB held back"
_LONG: Final = "long-lived graceful restart"

_BIRD: Final = {
    "Hard Reset": Lack(without_n_bit=True),
}
_FRR: Final = {
    "peers of 2-octet AS numbers": Lack(
        reason="Told to offer no capabilities it takes ours for agreed all the same, and shows AS 23456."
    ),
}
_GOBGP: Final = {
    "peers of 2-octet AS numbers": Lack(reason="It has no option against 4-octet AS numbers."),
    "peers without capabilities": Lack(reason="It has no option against capabilities."),
    "roles and OTC": Lack(
        option="role = 'customer'", refusal="has invalid keys: role", offers_no=CapabilityCode.BGP_ROLE
    ),
    "extended messages": Lack(offers_no=CapabilityCode.EXTENDED_MESSAGE),
    "route refresh": Lack(
        reason="Its `softresetin` runs the policy on the routes that it holds, and asks nobody."
    ),
    "enhanced route refresh": Lack(offers_no=CapabilityCode.ENHANCED_ROUTE_REFRESH),
}
_OPENBGPD: Final = {
    "IPv4 routes with IPv6 next hops": Lack(
        option="announce extended nexthop yes",
        refusal="syntax error",
        offers_no=CapabilityCode.EXTENDED_NEXT_HOP,
    ),
    "extended messages": Lack(
        option="announce extended message yes",
        refusal="syntax error",
        offers_no=CapabilityCode.EXTENDED_MESSAGE,
    ),
    "TCP MD5, we dial": Lack(
        reason="The portable edition gives its listening socket no key; where it dials it uses the key."
    ),
    "Hard Reset": Lack(without_n_bit=True),
    _LONG: Lack(offers_no=CapabilityCode.LONG_LIVED_GRACEFUL_RESTART),
}
_EXABGP: Final = {
    "link-local sessions": Lack(
        reason="Its configuration has no interface for a link-local address, and the kernel needs one."
    ),
    "roles and OTC": Lack(
        option="role customer;", refusal='invalid keyword "role"', offers_no=CapabilityCode.BGP_ROLE
    ),
    _CRASH: _KEEPS_NO_TABLE,
    _STOP: _KEEPS_NO_TABLE,
    _LEAVE: _KEEPS_NO_TABLE,
    _HELD: _KEEPS_NO_TABLE,
    "Hard Reset": _KEEPS_NO_TABLE,
    _LONG: Lack(offers_no=CapabilityCode.LONG_LIVED_GRACEFUL_RESTART),
}
_LACKS: Final[dict[type[Router], Mapping[str, Lack]]] = {
    Bird: _BIRD,
    Frr: _FRR,
    GoBgp: _GOBGP,
    OpenBgpd: _OPENBGPD,
    ExaBgp: _EXABGP,
}


def lacks(daemon: type[Router]) -> Mapping[str, Lack]:
    """What that daemon cannot do, by the name of the feature."""
    return _LACKS[daemon]
