"""Random histories with a neighbour that refuses some routes: when all is quiet, it has all others.

After whatever was announced, changed, withdrawn or lost on the way:

    - the neighbour holds what is desired and it does not refuse, and nothing else
    - what it refuses is parked, and nothing else
    - nothing was withdrawn that is desired, nothing announced twice in a session
    - the search has ended, and forgotten what it knew
"""

from collections.abc import Mapping
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from rhi.model.attributes import PathAttributes
from rhi.model.parameters import Parameters
from rhi.model.prefix import Prefix, to_prefix
from tests.core.refusing import PARAMETERS, Refusing

# too few of a family for their attributes to be blamed
BAD_PREFIXES = [to_prefix(text) for text in ("203.0.113.3", "10.0.0.0/8", "2001:db8::3")]
PREFIXES = [
    *(to_prefix(f"203.0.113.{number}") for number in range(60)),
    *(to_prefix(f"2001:db8::{number:x}") for number in range(9)),
    *BAD_PREFIXES,
]
BAD_COMMUNITY = "65000:66"
COMMUNITIES = [None, (), ("65000:1",), ("65000:2",), (BAD_COMMUNITY,)]

PREFIX = st.sampled_from(PREFIXES)
ATTRIBUTES = st.builds(
    PathAttributes, communities=st.sampled_from(COMMUNITIES), med=st.sampled_from([None, 5])
)
ROUTES = st.dictionaries(PREFIX, ATTRIBUTES, max_size=60)


def refuses(prefix: Prefix, attributes: Mapping[int, Any]) -> bool:
    return prefix in BAD_PREFIXES or BAD_COMMUNITY in map(str, attributes.get(8, ()))


class History(RuleBasedStateMachine):
    """A table that changes, and a neighbour that is hard to please."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters = PARAMETERS
        self.neighbour = Refusing(refuses)
        self.neighbour.start()

    @rule(prefix=PREFIX, attributes=ATTRIBUTES)
    def announce(self, prefix: Prefix, attributes: PathAttributes) -> None:
        self.neighbour.announce(prefix, attributes=attributes)

    @rule(routes=ROUTES)
    def replace(self, routes: dict[Prefix, PathAttributes]) -> None:
        self.neighbour.table.replace(routes)
        self.note_withdrawals()

    @rule(attributes=ATTRIBUTES)
    def announce_all(self, attributes: PathAttributes) -> None:
        self.neighbour.table.replace(dict.fromkeys(PREFIXES, attributes))
        self.note_withdrawals()

    @rule(prefix=PREFIX)
    def withdraw(self, prefix: Prefix) -> None:
        self.neighbour.table.withdraw(prefix)
        self.note_withdrawals()

    @rule(communities=st.sampled_from([(), ("65000:1",), (BAD_COMMUNITY,)]))
    def configure(self, communities: tuple[str, ...]) -> None:
        self.parameters = Parameters.from_json({**PARAMETERS.to_json(), "communities": communities})
        self.neighbour.peer.configure(self.parameters, self.neighbour.now)
        self.note_withdrawals()

    @rule()
    def drop(self) -> None:
        self.neighbour.drop()

    @rule(seconds=st.sampled_from([0.02, 0.5, 1.0, 3.5, 20.0]))
    def run(self, seconds: float) -> None:
        self.neighbour.run(seconds)

    @rule()
    def be_quiet(self) -> None:
        # parked routes are looked through at their own pace
        self.neighbour.run_until_quiet().run(1).run_until_quiet()

        expected = {prefix: self.on_the_wire(prefix) for prefix in self.desired if not self.is_bad(prefix)}
        parked = self.neighbour.parked
        held = {
            prefix: (tuple(map(str, attributes.get(8, ()))), attributes.get(4))
            for prefix, attributes in self.neighbour.routes.items()
        }
        assert held == expected
        assert parked == {prefix for prefix in self.desired if self.is_bad(prefix)}
        assert self.neighbour.repeats == 0
        assert self.neighbour.status.held_back.get("quarantined", 0) == len(parked)
        assert not self.neighbour.peer._routes.quarantine._found

    def teardown(self) -> None:
        self.be_quiet()

    @property
    def desired(self) -> dict[Prefix, PathAttributes]:
        return dict(self.neighbour.table.routes())

    def on_the_wire(self, prefix: Prefix) -> tuple[tuple[str, ...], int | None]:
        own = self.desired[prefix]
        communities = self.parameters.communities if own.communities is None else own.communities
        return tuple(map(str, communities)), own.med

    def is_bad(self, prefix: Prefix) -> bool:
        return prefix in BAD_PREFIXES or BAD_COMMUNITY in self.on_the_wire(prefix)[0]

    def note_withdrawals(self) -> None:
        """Send what has changed; nothing that is still desired may be withdrawn."""
        before = len(self.neighbour.withdrawals)
        self.neighbour.pump()
        withdrawn = self.neighbour.withdrawals[before:]
        assert not [prefix for prefix in withdrawn if prefix in self.neighbour.table]


TestHistories = History.TestCase
TestHistories.settings = settings(stateful_step_count=25)
