"""Every endpoint, over a real Unix socket, on a real daemon; every answer is held against the description."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import rhi
from rhi.daemon.config.problems import ConfigError, Problem
from rhi.daemon.control.endpoints import ENDPOINTS, JSON
from rhi.daemon.control.openapi import description
from rhi.daemon.decision.spec import Quota, Verdict
from rhi.health.push import PushCheck
from tests.daemon.control.house import SETUP, House, SwitchCheck, make_setup, run, running, with_peer
from tests.daemon.control.schema import violations
from tests.daemon.decision.build import address, service

DOCUMENT = description()


def matching(method: str, path: str) -> dict[str, Any]:
    """The operation of a request, the one with the longest path of several."""
    found = []
    for endpoint in ENDPOINTS:
        pattern = re.sub(r"\{\w+\}", ".+", endpoint.path)
        if endpoint.method == method and re.fullmatch(pattern, path.partition("?")[0]):
            found.append(endpoint.path)
    operation: dict[str, Any] = DOCUMENT["paths"][max(found, key=len)][method.lower()]
    return operation


async def ask(house: House, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    """The answer, after it was held against the description."""
    found, answer = await house.ask(method, path, body)
    assert (found, answer) == (status, answer)
    (media, content), *_ = matching(method, path)["responses"][str(status)]["content"].items()
    if media == JSON and content:
        assert violations(answer, content["schema"], DOCUMENT) == []
    return answer


async def decided_answers(house: House) -> dict[str, Any]:
    await house.decided()
    drain = "peer/127.0.0.9"
    await ask(house, "PUT", f"/v1/drains/{drain}", {})
    answers = {}
    for endpoint in ENDPOINTS:
        if endpoint.method != "GET" or endpoint.name == "events":
            continue
        path = endpoint.path.format(
            service="dns", check="dns/tcp", peer="127.0.0.9", address=address(1), drain=drain
        )
        answers[endpoint.name] = await ask(house, "GET", path)
    return answers


def test_every_endpoint_answers_as_described(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, with_peer(SETUP, "127.0.0.9", passive=True)) as house:
            answers = await decided_answers(house)

            assert answers["status"]["services"] == {"healthy": 2}
            assert answers["status"]["checks"] == {"up": 3}
            assert answers["status"]["routes"] == {"configured": 4, "announced": 4, "kept": 0}
            assert answers["status"]["is_decided"] is True
            assert [each["name"] for each in answers["services"]["items"]] == ["dns", "web"]
            assert answers["service"]["checks"] == ["dns/tcp", "dns/push"]
            assert answers["service"]["announced"] == 2
            assert answers["check"]["verdict"] == "up"
            assert answers["check"]["detail"] == "connected"
            assert answers["check"]["services"] == ["dns"]
            assert answers["peer"]["name"] == "127.0.0.9"
            assert answers["peer_routes"] == {"items": [], "next": None}
            assert [each["route"] for each in answers["routes"]["items"]] == [
                "198.51.100.0/24",
                "203.0.113.1",
                "203.0.113.2",
                "2001:db8::1",
            ]
            assert {"check", "service", "route", "start"} <= {e["kind"] for e in answers["history"]["items"]}
            assert answers["alarms"] == answers["overrides"] == {"items": [], "next": None}
            assert answers["openapi"] == DOCUMENT
            assert 'rhi_checks{verdict="up"} 3.0' in answers["metrics"]
            assert answers["explain"]["is_announced"] is True

    run(main())


def test_checks_that_are_not_up_can_be_asked_for_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            house.daemon.runner.renew("dns/push", False)
            await house.until(lambda: house.daemon.controller.verdicts["dns/push"] is Verdict.DOWN)

            troubled = await ask(house, "GET", "/v1/checks?not_up=true")
            after = await ask(house, "GET", "/v1/checks?not_up=true&after=dns/tcp")

            assert [each["name"] for each in troubled["items"]] == ["dns/push"]
            assert after["items"] == []

    run(main())


def test_override_is_said_shown_and_taken_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            body = {"action": "withdraw", "reason": "kernel", "by": "ann", "lasts": "10m", "force": True}

            said = await ask(house, "PUT", "/v1/overrides/web", body)
            await house.until(lambda: len(house.daemon.controller.reconciler.routes) == 2)
            shown = await ask(house, "GET", "/v1/overrides")
            of_service = await ask(house, "GET", "/v1/services/web")
            first = await ask(house, "DELETE", "/v1/overrides/web")
            second = await ask(house, "DELETE", "/v1/overrides/web")
            await house.until(lambda: len(house.daemon.controller.reconciler.routes) == 4)

            assert said["by"] == "ann"
            assert said["until"] > said["since"]
            assert shown["items"] == [said]
            assert of_service["override"] == said
            assert [first, second] == [{"changed": True}, {"changed": False}]

    run(main())


def test_override_without_a_name_is_the_users(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            said = await ask(house, "PUT", "/v1/overrides/web", {"action": "drain"})

            assert said["by"] not in ("", "api")

    run(main())


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        (
            "GET",
            "/v1/services/dsn",
            None,
            404,
            "service 'dsn': there is no such service; did you mean dns?",
        ),
        (
            "GET",
            "/v1/checks/dns",
            None,
            404,
            "check 'dns': there is no such check; did you mean dns/tcp?",
        ),
        ("GET", "/v1/peers/192.0.2.9", None, 404, "peer '192.0.2.9': there is no such peer; there are none"),
        ("GET", "/v1/peers/192.0.2.9/routes", None, 404, "there is no such peer"),
        ("GET", "/v1/explain/192.0.2.1", None, 404, "address 192.0.2.1: no service has it"),
        ("GET", "/v1/explain/nonsense", None, 400, "'nonsense'"),
        ("GET", "/v1/services?after=x", None, 404, "after 'x': there is no such thing any more"),
        ("GET", "/v1/history?limit=many", None, 400, "limit: 'many': must be a whole number"),
        ("GET", "/v1/history?limit=-1", None, 400, "limit: '-1': must be at least 0"),
        ("GET", "/v1/history?limit=1001", None, 400, "limit: '1001': must be at most 1000"),
        ("GET", "/v1/history?afterr=1", None, 400, "afterr: is no known key; did you mean after?"),
        (
            "GET",
            "/v1/history?kind=rout",
            None,
            400,
            "kind: 'rout': there is no such kind; did you mean route?",
        ),
        (
            "GET",
            "/v1/events?kind=x",
            None,
            400,
            "kind: 'x': there is no such kind; there are: address, alarm, ",
        ),
        ("PUT", "/v1/overrides/dsn", {"action": "drain"}, 404, "service 'dsn': there is no such service"),
        ("PUT", "/v1/overrides/dns", {}, 400, "action: is missing"),
        ("PUT", "/v1/overrides/dns", {"action": "dry"}, 400, "must be 'announce', 'withdraw' or 'drain'"),
        ("PUT", "/v1/overrides/dns", {"action": "drain", "lasts": -1}, 400, "must be a duration"),
        (
            "PUT",
            "/v1/overrides/dns",
            {"action": "drain", "lasts": "4000d"},
            400,
            "lasts: '4000d': must be at most 3650d",
        ),
        (
            "PUT",
            "/v1/overrides/dns",
            {"action": "announce", "lasts": "0s"},
            400,
            "lasts: '0s': must be longer than 0: it would be over at once",
        ),
        ("PUT", "/v1/drains/service/dns", {"lasts": 0}, 400, "lasts: 0: must be longer than 0"),
        ("PUT", "/v1/drains/all", {"wait": "4000d"}, 400, "wait: '4000d': must be at most 3650d"),
        ("DELETE", "/v1/drains/service/dsn", None, 404, "there is no such service; did you mean dns?"),
        ("PUT", "/v1/overrides/dns", {"action": "drain", "drain_time": 1e12}, 400, "must be at most 3650d"),
        ("PUT", "/v1/overrides/dns", {"action": "drain", "by": "\ud800"}, 400, "by: "),
        ("PUT", "/v1/overrides/dns", {"action": "drain", "lasts": float("nan")}, 400, "must be a duration"),
        ("PUT", "/v1/overrides/dns", {"action": "drain", "forced": True}, 400, "did you mean force?"),
        ("PUT", "/v1/overrides/dns", b"{", 400, "the body is no JSON"),
        ("PUT", "/v1/overrides/dns", b"\xff", 400, "the body is no JSON"),
        ("PUT", "/v1/overrides/dns", b"[" * 20_000, 400, "the body is no JSON"),
        ("PUT", "/v1/overrides/dns", [], 400, "the body must be a JSON object"),
        ("PUT", "/v1/overrides/dns", b" " * 40_000, 413, "the body is larger than 32768 bytes"),
        ("POST", "/v1/plan", b" " * 140_000, 413, "the body is larger than 131072 bytes"),
        ("POST", "/v1/plan", {"document": {"polcy": 1}}, 422, "document: as_number: is missing"),
        ("POST", "/v1/plan", {"document": 1}, 400, "document: "),
        ("DELETE", "/v1/overrides/dsn", None, 404, "service 'dsn': there is no such service"),
        ("POST", "/v1/checks/dns/tcp/renew", None, 409, "is of type switch; only checks of type push"),
        ("POST", "/v1/checks/none/renew", None, 404, "check 'none': there is no such check"),
        ("POST", "/v1/checks/none/trigger", None, 404, "check 'none': there is no such check"),
    ],
)
def test_refusal_is_one_sentence(
    tmp_path: Path, method: str, path: str, body: Any, status: int, sentence: str
) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            answer = await ask(house, method, path, body, status)

            assert sentence in answer["error"]

    run(main())


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/v2/status", 404, "/v2/status: there is nothing here; /openapi.json has all there is"),
        ("POST", "/v1/status", 405, "POST /v1/status: only GET can be used here"),
        ("HEAD", "/v1/status", 405, ""),
        ("GET", "/v1/reload", 405, "GET /v1/reload: only POST can be used here"),
    ],
)
def test_request_for_nothing_is_refused(
    tmp_path: Path, method: str, path: str, status: int, sentence: str
) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            found, answer = await house.ask(method, path)

            assert found == status
            assert not sentence or answer == {"error": sentence}

    run(main())


def test_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            body = {"action": "drain", "reason": "x" * 40_000}

            answer = await ask(house, "PUT", "/v1/overrides/dns", body, 413)

            assert answer == {"error": "the body is larger than 32768 bytes"}

    run(main())


@pytest.mark.parametrize("path", ["/v1/checks/dns/tcp", "/v1/checks/dns%2Ftcp"])
def test_check_may_have_slashes_in_its_name(tmp_path: Path, path: str) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            answer = await ask(house, "GET", path)

            assert answer["name"] == "dns/tcp"

    run(main())


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("2001:db8::1", "2001:db8::1"),
        ("2001%3Adb8%3A%3A1", "2001:db8::1"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("198.51.100.7", "198.51.100.0/24"),
    ],
)
def test_explain_takes_addresses_of_both_families_and_prefixes(
    tmp_path: Path, asked: str, found: str
) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            answer = await ask(house, "GET", f"/v1/explain/{asked}")

            assert answer["address"] == found

    run(main())


def test_peer_may_have_a_zone(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, with_peer(SETUP, "fe80::1%lo", passive=True)) as house:
            answer = await ask(house, "GET", "/v1/peers/fe80::1%25lo")

            assert answer["name"] == "fe80::1%lo"

    run(main())


def test_list_comes_in_parts(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            parts, path = [], "/v1/routes?limit=3"
            while path:
                answer = await ask(house, "GET", path)
                parts.append([each["route"] for each in answer["items"]])
                path = answer["next"] and f"/v1/routes?limit=3&after={answer['next']}"

            assert parts == [["198.51.100.0/24", "203.0.113.1", "203.0.113.2"], ["2001:db8::1"]]

    run(main())


def test_reason_has_no_spaces_around_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            body = {"action": "announce", "reason": " ", "by": " ann "}
            await ask(house, "PUT", "/v1/overrides/web", body)

            assert [each.text for each in house.logged if each.kind == "override"] == ["announce by ann"]

    run(main())


def test_history_is_cut_by_number_count_and_kind(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            whole = (await ask(house, "GET", "/v1/history"))["items"]
            routes = (await ask(house, "GET", "/v1/history?kind=route&limit=2"))["items"]
            rest = (await ask(house, "GET", f"/v1/history?after={whole[-2]['number']}"))["items"]

            assert [each["kind"] for each in routes] == ["route", "route"]
            assert rest[0] == whole[-1]

    run(main())


def test_trigger_probes_now_and_renew_reaches_the_check(tmp_path: Path) -> None:
    slow = SwitchCheck(switch="slow", interval=3600.0)
    push = PushCheck(max_age=3600)
    setup = make_setup(service("a", address(1), checks=("slow", "push")), checks={"slow": slow, "push": push})

    async def main() -> None:
        async with running(tmp_path, setup) as house:
            await house.decided()
            before = house.daemon.runner.last("slow")
            assert before is not None

            await ask(house, "POST", "/v1/checks/slow/trigger")
            await house.until(lambda: house.daemon.runner.last("slow") is not before)
            await ask(house, "POST", "/v1/checks/push/renew", {"ok": False, "detail": "leaving"})

            await house.until(lambda: house.daemon.controller.verdicts["push"] is Verdict.DOWN)
            shown = await ask(house, "GET", "/v1/checks/push")
            assert "leaving" in json.dumps(shown)

    run(main())


def test_plan_takes_a_document_instead_and_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            document = {
                "router_id": "192.0.2.1", "as_number": 65001, "allow_empty": True,
                "services": {"new": {"addresses": "203.0.113.9"}},
            }  # fmt: skip

            planned = await ask(house, "POST", "/v1/plan", {"document": document})

            assert planned["withdrawals"] == 4
            assert planned["needs_consent"] is True
            assert {"route": "203.0.113.9", "action": "add", "changes": ""} in planned["routes"]
            assert len(house.daemon.controller.reconciler.routes) == 4

    run(main())


def test_plan_and_reload_tell_what_an_earlier_reload_has_left_to_the_next_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        peers = {"192.0.2.9": rhi.Parameters(as_number=65001, passive=True)}
        async with running(tmp_path, make_setup(service("web", address(1)), peers=peers)) as house:
            before = {"192.0.2.9": replace(peers["192.0.2.9"], hold_time=30)}
            monkeypatch.setattr(house.daemon.pool, "parameters", lambda: before)
            waits = ["! peer 192.0.2.9: hold_time (needs a new session)"]

            assert (await ask(house, "POST", "/v1/plan"))["lines"] == waits
            assert (await ask(house, "POST", "/v1/reload", {"consent": True}))["lines"] == waits

            house.file = make_setup(service("web", address(1)), peers=before)
            assert (await ask(house, "POST", "/v1/plan"))["lines"] == []

    run(main())


def test_plan_compares_peers_that_drain_or_are_interfaces_as_their_sessions_have_them(tmp_path: Path) -> None:
    async def main() -> None:
        peers = dict.fromkeys(["192.0.2.9", "rhi-none0"], rhi.Parameters(as_number=65001, passive=True))
        async with running(tmp_path, make_setup(service("web", address(1)), peers=peers)) as house:
            await ask(house, "PUT", "/v1/drains/peer/192.0.2.9", {})
            await house.until(lambda: house.daemon.pool.parameters()["192.0.2.9"].graceful_shutdown)

            assert (await ask(house, "POST", "/v1/plan"))["lines"] == []

    run(main())


def test_plan_and_reload_take_what_the_file_says(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            house.file = make_setup(service("web", address(2)))

            planned = await ask(house, "POST", "/v1/plan")
            refused = await ask(house, "POST", "/v1/reload", None, 409)
            assert len(house.daemon.controller.reconciler.routes) == 4
            done = await ask(house, "POST", "/v1/reload", {"consent": True})

            assert planned["withdrawals"] == done["withdrawals"] == 3
            assert "- route 203.0.113.1 (configuration)" in planned["lines"]
            assert refused["error"].startswith("3 of 4 announced routes would be withdrawn")
            assert refused["error"].endswith("; give consent if it is meant")
            assert house.daemon.setup is house.file
            assert house.daemon.reloads == {"applied": 1, "refused": 1, "failed": 0}

    run(main())


def test_reload_of_a_bad_file_changes_nothing_and_names_all_problems(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            problems = [Problem(("router_id",), "is missing"), Problem(("services",), "there are none")]
            house.file = ConfigError("rhi.toml", problems, {})

            for path in ("/v1/plan", "/v1/reload"):
                answer = await ask(house, "POST", path, None, 422)
                assert answer["error"].endswith("rhi.toml: router_id: is missing (and 1 more)")
                assert len(answer["problems"]) == 2

            (alarm,) = (await ask(house, "GET", "/v1/alarms"))["items"]
            assert alarm["subject"] == "reload"
            assert len(house.daemon.controller.reconciler.routes) == 4

    run(main())


def test_status_shows_a_tripped_guard_and_its_alarm(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            SwitchCheck.on["dns/tcp"] = False
            await house.until(lambda: bool(house.daemon.alarms.all))

            status = await ask(house, "GET", "/v1/status")
            kept = [each for each in (await ask(house, "GET", "/v1/routes"))["items"] if each["kept_by"]]
            (guard,) = [each for each in status["guards"] if each["group"] == "default"]

            assert guard["tripped"] == {"floor": "0 of 2 addresses would be left, and the floor is 1"}
            assert status["routes"] == {"configured": 4, "announced": 3, "kept": 1}
            assert [each["subject"] for each in status["alarms"]] == ["guard default"]
            assert kept[0]["kept_by"] == "floor"

    run(main())


def test_internal_error_is_told_and_the_daemon_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            monkeypatch.setattr(type(house.daemon.alarms), "all", 5)

            status, answer = await house.ask("GET", "/v1/alarms")

            assert status == 500
            assert answer == {"error": "internal error; the daemon's log has more"}
            assert (await house.ask("GET", "/v1/overrides"))[0] == 200

    run(main())
    assert "GET /v1/alarms: internal error" in caplog.text


def test_requests_are_counted_by_endpoint_and_status(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, reload_limit=Quota(count=9)) as house:
            await house.ask("GET", "/v1/alarms")
            await house.ask("GET", "/v1/services/none")
            await house.ask("GET", "/" + "x" * 100)

            assert house.control.desk.requests == {("alarms", 200): 1, ("service", 404): 1, ("none", 404): 1}

    run(main())
