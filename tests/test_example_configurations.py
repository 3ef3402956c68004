"""The configurations in examples/: each is right, names files that exist, does what its comments say."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from rhi.daemon.config.build import Setup
from rhi.daemon.decision.reconciler import Inputs, Reconciler
from rhi.daemon.decision.spec import Verdict
from rhi.daemon.serve import read

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "examples").glob("*.toml"))
NAMES = ["anycast-dns.toml", "haproxy-pair.toml", "loopback-bird.toml", "unnumbered-leaf.toml"]
LATER = 3600.0


def setup_of(name: str) -> Setup:
    return read(str(ROOT / "examples" / name))[1]


def announced(setup: Setup, *failed: str, asked_before: bool = True) -> Mapping[str, tuple[int | None, ...]]:
    """MED and prepend of what is announced when these checks fail, an hour after all passed."""
    assert set(failed) <= set(setup.checks)
    reconciler = Reconciler(setup.specs)
    if asked_before:
        reconciler.decide(Inputs(verdicts=dict.fromkeys(setup.checks, Verdict.UP)), 0.0)
    verdicts = {name: Verdict.DOWN if name in failed else Verdict.UP for name in setup.checks}
    for now in (LATER, 2 * LATER):
        reconciler.decide(Inputs(verdicts=verdicts), now)
    return {str(prefix): (each.med, each.prepend) for prefix, each in reconciler.routes.items()}


def test_examples_are_those_of_the_list() -> None:
    assert [path.name for path in FILES] == NAMES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_example_is_right_and_all_of_it_is_known(path: Path) -> None:
    setup = setup_of(path.name)

    assert setup.peers
    assert {check for each in setup.specs.services.values() for check in (*each.checks, *each.dependencies)}
    assert setup.specs.groups.keys() >= {each.group for each in setup.specs.services.values()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_example_says_what_the_router_needs_and_names_files_that_are_there(path: Path) -> None:
    named = re.findall(r"docs/[\w/.-]+[\w]", path.read_text())

    assert any(name.startswith("docs/routers") for name in named)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_anycast_dns_leaves_with_its_server_and_is_less_preferred_without_its_primary() -> None:
    setup = setup_of("anycast-dns.toml")
    plain, tls = ("203.0.113.53", "2001:db8:53::53"), ("203.0.113.54", "2001:db8:53::54")

    assert announced(setup) == dict.fromkeys((*plain, *tls), (100, None))
    assert announced(setup, "dns/answers") == dict.fromkeys(tls, (100, None))
    assert announced(setup, "dot/tls") == dict.fromkeys(plain, (100, None))
    assert announced(setup, "dns/primary") == {
        **dict.fromkeys(plain, (200, None)),
        **dict.fromkeys(tls, (100, None)),
    }
    # both at once are suspected to be something they share
    assert announced(setup, "dns/answers", "dot/tls") == dict.fromkeys((*plain, *tls), (200, None))


def test_haproxy_pair_leaves_in_steps() -> None:
    setup = setup_of("haproxy-pair.toml")

    assert announced(setup) == {"203.0.113.80": (100, None), "203.0.113.81": (100, None)}
    assert announced(setup, "web/page") == {"203.0.113.80": (300, None), "203.0.113.81": (100, None)}
    assert announced(setup, "web/page", "web/servers") == {"203.0.113.81": (100, None)}
    assert announced(setup, "maintenance") == {"203.0.113.80": (600, None), "203.0.113.81": (600, None)}


def test_loopback_bird_announces_what_its_recipe_lets_pass() -> None:
    setup = setup_of("loopback-bird.toml")

    addresses = announced(setup)

    assert len(addresses) == 2 + 16
    assert all(address.startswith(("192.168.101.", "fd0b:2b0b:a7b8:1ee7:c0de:")) for address in addresses)
    assert "192.168.101.7" not in announced(setup, "cache/unit")
    assert len(announced(setup, "workers/scheduler")) == 2


def test_unnumbered_leaf_keeps_the_last_origin_and_prepends_without_a_backup() -> None:
    setup = setup_of("unnumbered-leaf.toml")

    assert list(setup.peers) == ["eth0", "eth1"]
    assert announced(setup, "storage/backup")["203.0.113.200"] == (None, 2)
    # nobody else is seen to announce it
    assert "203.0.113.200" in announced(setup, "storage/gateway")
    assert "203.0.113.200" not in announced(setup, "storage/gateway", asked_before=False)
