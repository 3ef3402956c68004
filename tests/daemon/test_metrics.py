"""Metrics: what they count, that they parse, and that documents and examples name those that exist."""

import asyncio
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rhi.daemon.metrics import HISTOGRAMS, Metrics
from rhi.daemon.samples import METRICS
from rhi.model.events import PeerRemoved, SessionDown, SessionUp
from rhi.model.parameters import Parameters
from rhi.model.status import Status
from rhi.testing.collector import Collector
from tests.daemon.control.house import (
    PATIENCE,
    SETUP,
    House,
    SwitchCheck,
    make_setup,
    run,
    running,
    with_peer,
)
from tests.daemon.decision.build import address, service

ROOT = Path(__file__).parents[2]
# Names in the exposition.
NAMES = (
    {each.name + ("_total" if each.kind == "counter" else "") for each in METRICS}
    | {f"{row.name}{end}" for row in HISTOGRAMS for end in ("_bucket", "_sum", "_count")}
)  # fmt: skip


async def scrape(house: House) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Samples by name and labels."""
    status, text = await house.ask("GET", "/metrics")
    assert status == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_follow_what_happens(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, with_peer(SETUP, "127.0.0.9", passive=True)) as house:
            await house.decided()
            SwitchCheck.on["dns/tcp"] = False
            await house.until(lambda: bool(house.daemon.alarms.all))
            await house.ask(
                "PUT", "/v1/overrides/web", {"action": "drain", "drain_time": 600}
            )  # to no session, as the sessions say a moment later
            await house.until(lambda: len(house.daemon.controller.reconciler.routes) == 1)

            found = await scrape(house)

            for name, labels, value in [
                ("rhi_checks", {"verdict": "up"}, 2),
                ("rhi_checks", {"verdict": "down"}, 1),
                ("rhi_check_up", {"check": "dns/tcp"}, 0),
                ("rhi_check_verdict_changes_total", {"check": "dns/tcp"}, 2),
                ("rhi_service_level", {"service": "dns"}, 1),
                ("rhi_service_routes", {"service": "dns"}, 1),
                ("rhi_routes", {"state": "announced"}, 1),
                ("rhi_routes_kept", {"rule": "floor"}, 1),
                ("rhi_route_changes_total", {"action": "withdrawn"}, 3),
                ("rhi_guard_tripped", {"group": "default", "rule": "floor"}, 1),
                ("rhi_guard_tripped", {"group": "web", "rule": "floor"}, 0),
                ("rhi_alarms", {}, 1),
                ("rhi_overrides", {"action": "drain"}, 1),
                ("rhi_drains", {"state": "waiting"}, 0),
                ("rhi_peer_up", {"peer": "127.0.0.9"}, 0),
                ("rhi_reloads_total", {"result": "applied"}, 0),
                ("rhi_api_requests_total", {"endpoint": "put_override", "status": "200"}, 1),
            ]:
                assert found[name, tuple(sorted(labels.items()))] == value, name
            assert found["rhi_check_probes_total", (("result", "failed"), ("type", "switch"))] >= 1
            assert found["rhi_detection_to_table_seconds_count", ()] >= 1
            assert found["rhi_decisions_total", ()] >= 2
            assert {name for name, _ in found if name.startswith("rhi_")} >= NAMES - ONLY_SOMETIMES

    run(main())


# Need a peer that is held back, or a line that is dropped.
ONLY_SOMETIMES = {"rhi_peer_routes_held_back"}


def test_metrics_of_detection_leave_out_what_operators_decide(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            detections = ("rhi_detection_to_table_seconds_count", ())
            before = house.metrics._histograms["rhi_detection_to_table_seconds"]._sum.get()

            await house.ask("PUT", "/v1/overrides/web", {"action": "withdraw"})
            await house.until(lambda: len(house.daemon.controller.reconciler.routes) == 2)

            found = await scrape(house)
            assert found["rhi_route_changes_total", (("action", "withdrawn"),)] == 2
            assert found[detections] == 4
            assert house.metrics._histograms["rhi_detection_to_table_seconds"]._sum.get() == before

    run(main())


def test_metrics_of_checks_that_are_gone_are_gone(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            await house.daemon.reload(make_setup(service("web", address(2))), consent=True)

            found = await scrape(house)

            assert {dict(labels).get("check") for _, labels in found} == {None, "web"}

    run(main())


def test_metrics_have_the_time_from_detection_to_acknowledgement(tmp_path: Path) -> None:
    with Collector() as collector:
        setup = make_setup(
            service("web", address(2)),
            peers={collector.host: Parameters(as_number=65001, port=collector.port)},
        )

        async def main() -> None:
            async with running(tmp_path, setup) as house:
                await house.until(lambda: bool(house.metrics._established and collector.routes()))
                SwitchCheck.on["web"] = False
                name = "rhi_detection_to_acknowledgement_seconds_count"
                async with asyncio.timeout(PATIENCE):
                    while (await scrape(house))[name, ()] < 1:
                        await asyncio.sleep(0.02)

                found = await scrape(house)

                assert found["rhi_peer_up", (("peer", collector.host),)] == 1
                assert found["rhi_detection_to_acknowledgement_seconds_bucket", (("le", "+Inf"),)] >= 1
                assert found["rhi_detection_to_acknowledgement_seconds_sum", ()] > 0
                assert found["rhi_peer_routes_announced_total", (("peer", collector.host),)] >= 1

        run(main())


def test_metrics_count_no_peer_as_established_that_is_gone(tmp_path: Path) -> None:
    def up(peer: str) -> SessionUp:
        return SessionUp(
            peer=peer,
            local_ip="",
            remote_ip="",
            remote_asn=1,
            remote_router_id="",
            hold_time=9,
            families=(),
        )

    async def main() -> None:
        async with running(tmp_path) as house:
            for event in (
                up("a"),
                up("b"),
                up("c"),
                SessionDown(peer="a", local=False, reason="", established=True),
                SessionDown(peer="c", local=False, reason="", established=False),
                PeerRemoved(peer="b"),
            ):
                house.daemon.take_event(event)

            assert house.metrics._established == {"c"}

    run(main())


def test_metrics_do_not_name_peers_that_connect_by_themselves(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            statuses = {"198.51.100.7 port 12345": Status(when=datetime(2024, 1, 1, tzinfo=UTC))}

            text = house.metrics.render(statuses)

            assert "198.51.100.7" not in text
            assert "rhi_dynamic_peers 1.0" in text

    run(main())


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_metric_has_a_name_as_prometheus_has_them(metric: Any) -> None:
    assert re.fullmatch("rhi_[a-z_]+", metric.name)
    assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket"))
    assert metric.help.endswith(".")


def test_docs_list_every_metric_as_it_is() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")

    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w `,]*?) ?\| (.+?) \|$", text, re.MULTILINE)

    expected = [
        (each.name + ("_total" if each.kind == "counter" else ""), each.kind, each.labels, each.help)
        for each in METRICS
    ] + [(row.name, "histogram", row.labels, row.help) for row in HISTOGRAMS]
    assert [
        (name, kind, tuple(re.findall(r"\w+", labels)), text) for name, kind, labels, text in listed
    ] == expected


def used_in(text: str) -> set[str]:
    return set(re.findall(r"\brhi_[a-z_]+", text))


def test_dashboard_uses_metrics_that_exist() -> None:
    dashboard = json.loads((ROOT / "examples" / "grafana.json").read_text(encoding="utf-8"))

    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]

    assert len(queries) >= 10
    assert used_in(" ".join(queries)) <= NAMES
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_alert_rules_use_metrics_that_exist() -> None:
    text = (ROOT / "examples" / "alerts.yml").read_text(encoding="utf-8")

    expressions = re.findall(r"^ +expr: (.+)$", text, re.MULTILINE)

    assert len(expressions) == text.count("- alert:") > 5
    assert used_in(" ".join(expressions)) <= NAMES


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_alert_rules_are_right_for_promtool() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(ROOT / "examples" / "alerts.yml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_metrics_can_be_made_for_a_daemon_more_than_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            Metrics(house.daemon).close()

    run(main())
