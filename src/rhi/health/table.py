"""Every type of check by its name, and a check made from its options in a configuration.

A new type is a module with its class, and a row here.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from rhi.errors import InvalidValueError
from rhi.health.base import Check
from rhi.health.dns import DnsCheck
from rhi.health.exec import ExecCheck
from rhi.health.file import FileCheck
from rhi.health.grpc import GrpcCheck
from rhi.health.haproxy import HaproxyCheck
from rhi.health.http import HttpCheck
from rhi.health.icmp import IcmpCheck
from rhi.health.problems import sentences, unknown
from rhi.health.process import ProcessCheck
from rhi.health.push import PushCheck
from rhi.health.systemd import SystemdCheck
from rhi.health.tcp import TcpCheck
from rhi.health.tls import TlsCheck
from rhi.model.wording import shown

CHECKS: Final[dict[str, type[Check]]] = {
    "tcp": TcpCheck,
    "tls": TlsCheck,
    "http": HttpCheck,
    "dns": DnsCheck,
    "icmp": IcmpCheck,
    "grpc": GrpcCheck,
    "exec": ExecCheck,
    "file": FileCheck,
    "systemd": SystemdCheck,
    "process": ProcessCheck,
    "push": PushCheck,
    "haproxy": HaproxyCheck,
}

# For the fields of a larger model, and its JSON schema.
AnyCheck = Annotated[
    TcpCheck
    | TlsCheck
    | HttpCheck
    | DnsCheck
    | IcmpCheck
    | GrpcCheck
    | ExecCheck
    | FileCheck
    | SystemdCheck
    | ProcessCheck
    | PushCheck
    | HaproxyCheck,
    Field(discriminator="type"),
]


def to_check(options: Mapping[str, Any]) -> Check:
    """The check that these options describe.

    Raises:
        InvalidValueError: one sentence for each option that is wrong, with line ends between them.
    """
    kind = options.get("type")
    if not isinstance(kind, str) or kind not in CHECKS:
        what = "type: is missing" if kind is None else f"type {shown(kind)}: is not known"
        raise InvalidValueError(f"{what}{unknown(kind, CHECKS)}")
    try:
        return CHECKS[kind].model_validate(dict(options))
    except ValidationError as error:
        raise InvalidValueError("\n".join(sentences(error, CHECKS[kind]))) from None
