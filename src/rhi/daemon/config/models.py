"""What a configuration file holds, as pydantic models: its keys, their types and defaults.

Peers have the names of `rhi.Parameters`, which also checks their values; checks have their models in
`rhi.health`. What concerns several parts of a file at once is in `rules`.
"""

import re
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from rhi.daemon.addresses.spec import DEFAULT_LINGER
from rhi.daemon.config.fields import (
    Addresses,
    Communities,
    Duration,
    ExtendedCommunities,
    LargeCommunities,
    QuotaField,
)
from rhi.daemon.decision.spec import ALL, NONE, Quota
from rhi.errors import InvalidValueError
from rhi.health.base import to_name
from rhi.health.table import AnyCheck
from rhi.health.target import to_interface
from rhi.model.durations import to_duration
from rhi.model.parameters import Parameters, to_as_number, to_router_id
from rhi.net.endpoint import ListenAddress

PARAMETER_FIELDS: Final = frozenset(field.name for field in fields(Parameters)) - {"password", "ao_keys"}
# Given as numbers of seconds or as text with a unit.
WHOLE_SECONDS: Final = frozenset({"hold_time", "graceful_restart", "long_lived_stale_time"})
DURATION_FIELDS: Final = WHOLE_SECONDS | {"connect_retry_time", "connect_timeout", "send_hold_time"}
# What a field needs beside it to be right by itself.
_COMPANIONS: Final[dict[str, dict[str, Any]]] = {
    "long_lived_stale_time": {"graceful_restart": 1},
    "role_strict": {"role": "peer"},
}

Name = Annotated[str, Field(max_length=100), AfterValidator(to_name)]
Med = Annotated[int, Field(ge=0, le=0xFFFFFFFF)]
Prepend = Annotated[int, Field(ge=0, le=254)]


class Model(BaseModel):
    """A table of the file. Unknown keys are problems; values are not converted from other types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# What JSON schema says of the fields of `rhi.Parameters`, which checks their values itself.
_WHOLE: Final = WithJsonSchema({"type": "integer"})
_TEXT: Final = WithJsonSchema({"type": "string"})
_FLAG: Final = WithJsonSchema({"type": "boolean"})
_NUMBER: Final = WithJsonSchema({"type": ["integer", "string"]})
_TEXTS: Final = WithJsonSchema({"type": "array", "items": {"type": ["string", "integer"]}})
_SECONDS: Final = WithJsonSchema({"type": ["number", "string"]})


class PeerSettings(Model):
    """`rhi.Parameters` as a file has them: every field but its keys, which have to come from elsewhere."""

    as_number: Annotated[Any, _NUMBER] = None
    hold_time: Annotated[Any, _SECONDS] = None
    source_ip: Annotated[Any, _TEXT] = None
    next_hop_4: Annotated[Any, _TEXT] = None
    next_hop_6: Annotated[Any, _TEXT] = None
    multiprotocol: Annotated[Any, _FLAG] = None
    med: Annotated[Any, _WHOLE] = None
    local_pref: Annotated[Any, _WHOLE] = None
    communities: Annotated[Any, _TEXTS] = None
    accept: Annotated[Any, _TEXTS] = None
    reject: Annotated[Any, _TEXTS] = None
    large_communities: Annotated[Any, _TEXTS] = None
    extended_communities: Annotated[Any, _TEXTS] = None
    prepend: Annotated[Any, _WHOLE] = None
    peer_as: Annotated[Any, _NUMBER] = None
    port: Annotated[Any, _WHOLE] = None
    passive: Annotated[Any, _FLAG] = None
    ttl_security: Annotated[Any, _FLAG] = None
    extended_messages: Annotated[Any, _FLAG] = None
    extended_next_hop: Annotated[Any, _FLAG] = None
    graceful_restart: Annotated[Any, _SECONDS] = None
    long_lived_stale_time: Annotated[Any, _SECONDS] = None
    role: Annotated[Any, _TEXT] = None
    role_strict: Annotated[Any, _FLAG] = None
    connect_retry_time: Annotated[Any, _SECONDS] = None
    connect_timeout: Annotated[Any, _SECONDS] = None
    send_hold_time: Annotated[Any, _SECONDS] = None
    graceful_shutdown: Annotated[Any, _FLAG] = None
    maximum_prefixes: Annotated[Any, _WHOLE] = None
    quarantine: Annotated[Any, _FLAG] = None
    password_file: str | None = None
    password_env: str | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _check(cls, value: object, info: ValidationInfo) -> object:
        name = str(info.field_name)
        if name not in PARAMETER_FIELDS or value is None:
            return value
        if name in DURATION_FIELDS:
            value = to_duration(value)
            if name in WHOLE_SECONDS and value == int(value):
                value = int(value)
        try:
            Parameters(**{"as_number": 1, **_COMPANIONS.get(name, {}), name: value})
        except InvalidValueError as error:
            raise ValueError(str(error)) from None
        return value

    def parameters(self) -> dict[str, Any]:
        """The fields of `rhi.Parameters` that are given."""
        return {
            name: getattr(self, name)
            for name in self.model_fields_set & PARAMETER_FIELDS
            if getattr(self, name) is not None
        }


class Peer(PeerSettings):
    """One peer; its name is its address."""

    template: str | None = None


class Adjust(Model):
    """How attributes are made worse."""

    med_add: Med = 0
    prepend_add: Prepend = 0
    communities: Communities = ()
    graceful_shutdown: bool = False


def _to_action(value: object) -> object:
    if value == "withdraw" or value is None:
        return None
    if isinstance(value, dict | Adjust):
        return value
    raise ValueError('must be "withdraw", or a table such as { med_add = 100 }')


# None withdraws.
Action = Annotated[Adjust | None, BeforeValidator(_to_action)]


class Band(Model):
    """A level of partial health."""

    name: Name
    at_least: QuotaField
    recover_at: QuotaField | None = None
    action: Action = Adjust()


class DampingSettings(Model):
    """Flap damping (RFC 2439)."""

    penalty: Annotated[float, Field(gt=0)] = 1000.0
    half_life: Annotated[Duration, Field(gt=0)] = 60.0
    suppress: Annotated[float, Field(gt=0)] = 3000.0
    reuse: Annotated[float, Field(gt=0)] = 1000.0
    max_suppress: Annotated[Duration, Field(gt=0)] = 300.0


def _to_damping(value: object) -> object:
    if isinstance(value, bool):
        return DampingSettings() if value else None
    if value is None or isinstance(value, dict | DampingSettings):
        return value
    raise ValueError("must be true, false, or a table such as { half_life = 60 }")


DampingField = Annotated[DampingSettings | None, BeforeValidator(_to_damping)]


# The name of a check of the file, or a check of the service's own.
CheckItem = Annotated[
    Annotated[str, Tag("name")] | Annotated[AnyCheck, Tag("check")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "check"),
]


class ServiceSettings(Model):
    """A service: addresses, checks, and what its health means for its routes."""

    addresses: Addresses
    checks: list[CheckItem] = []
    policy: QuotaField = ALL
    bands: list[Band] = []
    on_unhealthy: Action = None
    on_degraded: Adjust = Adjust(med_add=100)
    on_drain: Adjust = Adjust()
    min_up: Duration = 0.0
    min_down: Duration = 0.0
    damping: DampingField = None
    group: str = "default"
    share: Literal["all", "any"] = "all"
    never_last: bool = False
    on_exit: Literal["withdraw", "drain", "keep"] = "withdraw"
    on_crash: Literal["withdraw", "fail-static", "warm"] | None = None
    address_mode: Literal["none", "check", "own"] = "none"
    interface: Annotated[str, AfterValidator(to_interface)] | None = None
    address_while: Literal["announced", "configured"] = "announced"
    address_linger: Duration = DEFAULT_LINGER
    origin: Literal["igp", "egp", "incomplete"] = "igp"
    next_hop: str | None = None
    med: Med | None = None
    local_pref: Med | None = None
    prepend: Prepend | None = None
    communities: Communities | None = None
    large_communities: LargeCommunities | None = None
    extended_communities: ExtendedCommunities | None = None


class GroupSettings(Model):
    """A guard over the withdrawals of a group of services."""

    floor: QuotaField = NONE
    max_withdrawals: Annotated[int, Field(ge=0)] | None = None
    window: Annotated[Duration, Field(gt=0)] = 60.0
    suspect_within: Annotated[Duration, Field(gt=0)] | None = None
    on_trip: Literal["hold", "degrade"] = "hold"


def _by(parse: Callable[[Any], object]) -> BeforeValidator:
    """A validator that leaves the value as it is when `parse` takes it."""

    def check(value: object) -> object:
        try:
            parse(value)
        except InvalidValueError as error:
            raise ValueError(str(error)) from None
        return value

    return BeforeValidator(check)


AsNumber = Annotated[Any, _by(lambda value: to_as_number(value, "as_number")), _NUMBER]
Listen = Annotated[str, _by(ListenAddress.parse)]


def _to_mode(value: object) -> object:
    if isinstance(value, str) and re.fullmatch("0?[0-7]{3}", value):
        return value
    raise ValueError('must be an octal mode of three digits, such as "0660"')


Mode = Annotated[str, BeforeValidator(_to_mode)]


class ApiSettings(Model):
    """Where the daemon is watched and told what to do."""

    socket: str | None = None
    mode: Mode = "0660"
    group: str | None = None
    listen: Listen | None = None
    token_file: str | None = None
    token_env: str | None = None


class DrainSettings(Model):
    """How patient drains are."""

    wait: Duration = 30.0
    acknowledge: Duration = 5.0
    age: Duration = 5.0
    deadline: Duration | None = None


class LogSettings(Model):
    """What is written to standard error."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Model):
    """The whole file."""

    router_id: Annotated[str, _by(to_router_id)]
    as_number: AsNumber
    listen: list[Listen] = []
    peers: dict[str, Peer] = {}
    templates: dict[Name, PeerSettings] = {}
    dynamic_peers: dict[str, Peer] = {}
    services: dict[Name, ServiceSettings] = {}
    checks: dict[Name, AnyCheck] = {}
    groups: dict[Name, GroupSettings] = {}
    complete_within: Duration = 30.0
    allow_empty: bool = False
    reload_limit: QuotaField = Quota(percent=Fraction(50))
    state_file: str | None = None
    restart_time: Duration = 120.0
    stop_time: Duration | None = None
    drain: DrainSettings = DrainSettings()
    api: ApiSettings = ApiSettings()
    log: LogSettings = LogSettings()
