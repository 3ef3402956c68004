"""All findings about a configuration on a system: pure."""

from rhi.daemon.config.build import Setup
from rhi.daemon.config.models import Config
from rhi.daemon.doctor.finding import Finding, Severity
from rhi.daemon.doctor.rights import rights
from rhi.daemon.doctor.sessions import sessions
from rhi.daemon.doctor.system import System
from rhi.daemon.doctor.traffic import traffic


def diagnose(config: Config, setup: Setup, system: System) -> list[Finding]:
    """What is wrong, the worst first."""
    found = [
        *rights(config, setup, system),
        *sessions(config, setup, system),
        *traffic(config, setup, system),
    ]
    order = list(Severity)
    return sorted(found, key=lambda each: order.index(each.severity))
