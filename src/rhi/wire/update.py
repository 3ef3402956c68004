"""UPDATE: routes withdrawn, path attributes, routes announced (RFC 4271 §4.3).

    withdrawn length (2), withdrawn NLRI    attributes length (2), attributes    NLRI

What is wrong with a received message is sorted out as RFC 7606 says: what ends the session is raised, the
rest stands in `Update.faults`, and the routes count as withdrawn where the faults ask for it. The messages
rhi sends are put together in `core.adj_rib_out` from parts that are encoded here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rhi.errors import NotificationError
from rhi.model.prefix import FAMILY_OF_CODES, Family, Prefix
from rhi.wire.attributes import OPTIONAL, Attributes, attribute_header, decode_attributes, encode_attributes
from rhi.wire.faults import Fault, Faults, Treatment
from rhi.wire.iana import AttributeCode, ErrorCode, SegmentType, UpdateError
from rhi.wire.mp_nlri import MpReach, MpUnreach
from rhi.wire.prefix import Prefixes, encode_prefixes
from rhi.wire.reader import Reader

_WITH_OTHERS: Final = (AttributeCode.ORIGIN, AttributeCode.AS_PATH)
_WITH_IPV4: Final = (*_WITH_OTHERS, AttributeCode.NEXT_HOP)

RoutesByFamily = list[tuple[Family, Sequence[Prefix]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """An UPDATE message.

    Attributes:
        withdrawn, announced: IPv4 routes in the fields of RFC 4271; others are in MP attributes.
        attributes: value by attribute code, of those that are sound.
        faults: what is wrong with it, and survived; at most a few.
    """

    withdrawn: Sequence[Prefix] = ()
    attributes: Attributes = field(default_factory=dict, hash=False)
    announced: Sequence[Prefix] = ()
    faults: tuple[Fault, ...] = ()

    def encode(self, *, four_octet_as: bool) -> bytes:
        """The message body."""
        withdrawn = encode_prefixes(self.withdrawn)
        attributes = encode_attributes(self.attributes, four_octet_as=four_octet_as)
        return update_body(withdrawn, attributes, encode_prefixes(self.announced))

    @classmethod
    def decode(cls, body: bytes, *, four_octet_as: bool, internal: bool) -> "Update":
        """From a message body of at least four bytes.

        Args:
            four_octet_as: whether both sides have agreed on AS numbers of four octets.
            internal: whether the peer is in our AS; LOCAL_PREF is mandatory then.

        Raises:
            NotificationError: UPDATE Message Error, for a fault that ends the session (RFC 4271 §6.3, RFC
                7606 §3). Others are in `faults`.
        """
        # hot: bench/receive.py
        withdrawn_end = 2 + int.from_bytes(body[:2], "big")
        attributes_at = withdrawn_end + 2
        attributes_end = attributes_at + int.from_bytes(body[withdrawn_end:attributes_at], "big")
        if attributes_at > len(body) or attributes_end > len(body):
            subcode, detail = UpdateError.MALFORMED_ATTRIBUTE_LIST, "its lengths run over the message"
            raise NotificationError(ErrorCode.UPDATE_MESSAGE, subcode, detail=detail)
        attributes, faults = decode_attributes(
            body[attributes_at:attributes_end], four_octet_as=four_octet_as, internal=internal
        )
        withdrawn, announced = _decode_ipv4(body[2:withdrawn_end]), _decode_ipv4(body[attributes_end:])
        if not internal:
            _drop_confederation(attributes, faults)
        _check_mandatory(attributes, faults, announces_ipv4=bool(announced), internal=internal)
        update = cls(withdrawn=withdrawn, attributes=attributes, announced=announced, faults=tuple(faults))
        if faults and update.treatment is Treatment.TREAT_AS_WITHDRAW and update._may_hide_routes():
            # where errors hide the attributes they may hide routes too (RFC 7606 §5.2)
            raise next(fault for fault in faults if fault.treatment is Treatment.TREAT_AS_WITHDRAW).error()
        return update

    @property
    def end_of_rib(self) -> Family | None:
        """The family this message is the End-of-RIB of, or None (RFC 4724 §2)."""
        if self.withdrawn or self.announced or self.faults:
            return None
        if not self.attributes:
            return Family.IPV4_UNICAST
        unreach = self.attributes.get(AttributeCode.MP_UNREACH_NLRI)
        if len(self.attributes) == 1 and unreach is not None and unreach.is_empty:
            return FAMILY_OF_CODES.get((unreach.afi, unreach.safi))
        return None

    @property
    def treatment(self) -> Treatment | None:
        """The strongest that its faults ask for (RFC 7606 §3 h)."""
        return max((fault.treatment for fault in self.faults), default=None)

    def announcements(self) -> RoutesByFamily:
        """Routes announced; none when they are to be treated as withdrawn."""
        return [] if self.faults and self.treatment is Treatment.TREAT_AS_WITHDRAW else self._reachable()

    def withdrawals(self) -> RoutesByFamily:
        """Routes withdrawn, and those that are to be treated so."""
        found = _by_family(self.withdrawn, self.attributes.get(AttributeCode.MP_UNREACH_NLRI))
        if self.faults and self.treatment is Treatment.TREAT_AS_WITHDRAW:
            found += self._reachable()
        return found

    @property
    def all_announced(self) -> tuple[Prefix, ...]:
        """Routes announced, of all families."""
        return tuple(prefix for _, prefixes in self.announcements() for prefix in prefixes)

    @property
    def all_withdrawn(self) -> tuple[Prefix, ...]:
        """Routes withdrawn, of all families."""
        return tuple(prefix for _, prefixes in self.withdrawals() for prefix in prefixes)

    def _may_hide_routes(self) -> bool:
        """Whether it has attributes as for routes announced, and announces none."""
        codes = {*self.attributes, *(fault.code for fault in self.faults)}
        return codes != {AttributeCode.MP_UNREACH_NLRI} and not self._reachable()

    def _reachable(self) -> RoutesByFamily:
        return _by_family(self.announced, self.attributes.get(AttributeCode.MP_REACH_NLRI))


def update_body(withdrawn: bytes, attributes: bytes, announced: bytes) -> bytes:
    """An UPDATE's body from its three encoded fields."""
    return (
        len(withdrawn).to_bytes(2, "big")
        + withdrawn
        + len(attributes).to_bytes(2, "big")
        + attributes
        + announced
    )


def end_of_rib_body(family: Family) -> bytes:
    """The body of the End-of-RIB marker (RFC 4724 §2)."""
    if family is Family.IPV4_UNICAST:
        return update_body(b"", b"", b"")
    value = MpUnreach(family.afi, family.safi, ()).encode()
    return update_body(
        b"", attribute_header(AttributeCode.MP_UNREACH_NLRI, OPTIONAL, len(value)) + value, b""
    )


def _decode_ipv4(packed: bytes) -> Sequence[Prefix]:
    if not packed:
        return ()
    reader = Reader(packed, ErrorCode.UPDATE_MESSAGE, UpdateError.INVALID_NETWORK_FIELD)
    return Prefixes.decode(reader, Family.IPV4_UNICAST)


def _by_family(ipv4: Sequence[Prefix], other: MpReach | MpUnreach | None) -> RoutesByFamily:
    """The routes of a field of RFC 4271 and of an MP attribute, without empty ones and unknown families."""
    found: RoutesByFamily = [(Family.IPV4_UNICAST, ipv4)] if ipv4 else []
    if other is not None and other.prefixes:
        found.append((FAMILY_OF_CODES[other.afi, other.safi], other.prefixes))
    return found


def _drop_confederation(attributes: Attributes, faults: Faults) -> None:
    """A peer outside of our AS is in no confederation with us (RFC 5065 §5, RFC 7606 §7.2)."""
    for segment in attributes.get(AttributeCode.AS_PATH, ()):
        if segment.kind > SegmentType.AS_SEQUENCE:
            del attributes[AttributeCode.AS_PATH]
            subcode, detail = UpdateError.MALFORMED_AS_PATH, "AS_PATH: a confederation's segment from outside"
            faults.note(Fault(AttributeCode.AS_PATH, Treatment.TREAT_AS_WITHDRAW, subcode, b"", detail))
            return


def _check_mandatory(attributes: Attributes, faults: Faults, *, announces_ipv4: bool, internal: bool) -> None:
    """Well-known mandatory attributes must be there with routes (RFC 7606 §3 d, RFC 4760 §3)."""
    required: tuple[AttributeCode, ...] = ()
    if announces_ipv4:
        required = _WITH_IPV4
    elif AttributeCode.MP_REACH_NLRI in attributes:
        required = _WITH_OTHERS
    if required and internal:
        required += (AttributeCode.LOCAL_PREF,)
    for code in required:
        # one that is there and malformed has its fault already
        if code not in attributes and all(fault.code != code for fault in faults):
            subcode, detail = UpdateError.MISSING_WELL_KNOWN_ATTRIBUTE, f"{code.name} is missing"
            faults.note(Fault(code, Treatment.TREAT_AS_WITHDRAW, subcode, bytes((code,)), detail))
