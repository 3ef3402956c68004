"""What services must say about their addresses on this host, so that it can be done."""

from collections.abc import Iterator

from rhi.daemon.addresses.spec import is_single
from rhi.daemon.config.models import Config, ServiceSettings
from rhi.daemon.config.problems import Problem
from rhi.health.target import Connecting
from rhi.model.prefix import Prefix

# What services that share an address must say alike.
_COMMON = ("address_mode", "interface", "address_while")


def broken_address_rules(config: Config) -> Iterator[Problem]:
    """All that is wrong with what services say about their addresses."""
    first: dict[Prefix, str] = {}
    for name, service in config.services.items():
        path = ("services", name)
        if service.address_mode == "own":
            yield from _owned(config, path, service)
        else:
            yield from _pointless(path, service)
        for prefix in service.addresses:
            other = first.setdefault(prefix, name)
            for field in _COMMON:
                if getattr(service, field) != getattr(config.services[other], field):
                    text = f"service {other}, which has {prefix} too, says something else; they must agree"
                    yield Problem((*path, field), text)


def _pointless(path: tuple[str, ...], service: ServiceSettings) -> Iterator[Problem]:
    if service.address_mode == "none" and service.interface is not None:
        text = 'counts only where addresses are minded: write address_mode = "own" or "check" too'
        yield Problem((*path, "interface"), text)
    for field in ("address_while", "address_linger"):
        if field in service.model_fields_set:
            yield Problem(
                (*path, field), 'counts only where rhi adds addresses: write address_mode = "own" too'
            )


def _owned(config: Config, path: tuple[str, ...], service: ServiceSettings) -> Iterator[Problem]:
    if config.state_file is None:
        text = '"own" needs state_file, so that rhi knows after a crash what it has added'
        yield Problem((*path, "address_mode"), text)
    for prefix in service.addresses:
        if not is_single(prefix):
            text = f'{prefix}: is no single address, and "own" adds only those; "check" takes it too'
            yield Problem((*path, "addresses"), text)
    if service.address_while == "configured":
        return
    own = {str(prefix) for prefix in service.addresses}
    for number, item in enumerate(service.checks):
        check = config.checks.get(item) if isinstance(item, str) else item
        if isinstance(check, Connecting) and check.far_address in own:
            text = (
                f"probes {check.far_address}, which is on this host only while it is announced, "
                'and is announced when the probe passes: write address_while = "configured"'
            )
            yield Problem((*path, "checks", number), text)
