"""What a file says of the daemon itself rather than of routes, peers and checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rhi.daemon.config.lifecycle import ENDING_TIME, stop_time
from rhi.daemon.config.models import Config
from rhi.daemon.decision.spec import Quota
from rhi.daemon.drains.machine import Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """See the module.

    Attributes:
        complete_within: seconds that End-of-RIB waits for first verdicts at most.
        reload_limit: routes that a reload may withdraw without consent, of those that are announced.
        state_file: where overrides are kept; None keeps them in memory only.
        pace: of drains, where nothing else is said.
        stop_time: seconds from a signal to the end.
        tables: others that only a start reads, by name.
    """

    complete_within: float
    reload_limit: Quota
    state_file: str | None
    pace: Pace = field(default_factory=Pace)
    stop_time: float = ENDING_TIME
    tables: Mapping[str, object] = field(default_factory=dict)

    @property
    def at_once(self) -> Mapping[str, object]:
        """What a reload takes over, by the names in the file."""
        return {"drain": self.pace, "reload_limit": self.reload_limit, "stop_time": self.stop_time}

    @property
    def at_start(self) -> Mapping[str, object]:
        """What only a start does."""
        return {"complete_within": self.complete_within, "state_file": self.state_file, **self.tables}


def options_of(config: Config) -> Options:
    """What `config` says."""
    return Options(
        complete_within=config.complete_within,
        reload_limit=config.reload_limit,
        state_file=config.state_file,
        pace=Pace(**config.drain.model_dump()),
        stop_time=stop_time(config),
        tables={"api": config.api, "log": config.log},
    )
