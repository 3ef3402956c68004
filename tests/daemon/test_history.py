import asyncio
from datetime import UTC, datetime

from rhi.daemon.alarms import Alarms
from rhi.daemon.history import KEPT, MAX_BEHIND, Entry, History

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def make() -> tuple[History, list[Entry]]:
    logged: list[Entry] = []
    return History(lambda: NOW, logged.append), logged


def test_history_keeps_the_last_entries_in_order() -> None:
    history, logged = make()
    for number in range(KEPT + 5):
        history.add("route", "203.0.113.1", f"change {number}")

    assert len(logged) == KEPT + 5
    assert [entry.number for entry in history.entries()] == list(range(6, KEPT + 6))
    assert [entry.text for entry in history.entries(limit=2)] == ["change 1003", "change 1004"]
    assert history.entries(after=KEPT + 4)[0].text == "change 1004"
    assert history.entries(limit=0) == []


def test_history_entry_is_a_json_object() -> None:
    history, _ = make()

    entry = history.add("alarm", "guard default", "tripped", floor=3)

    assert entry.to_json() == {
        "number": 1,
        "time": "2024-05-01T12:00:00.000+00:00",
        "kind": "alarm",
        "subject": "guard default",
        "text": "tripped",
        "data": {"floor": 3},
    }


def test_history_tells_followers_and_forgets_those_who_leave() -> None:
    async def main() -> None:
        history, _ = make()
        following = history.follow()
        waiting = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0)
        history.add("route", "a", "one")
        history.add("route", "b", "two")

        entries, missed = await waiting
        assert [entry.text for entry in entries] == ["one", "two"]
        assert missed == 0
        assert history.followers == 1
        await following.aclose()  # type: ignore[attr-defined]
        assert history.followers == 0

    asyncio.run(main())


def test_history_tells_a_slow_follower_how_much_it_missed() -> None:
    async def main() -> None:
        history, _ = make()
        following = history.follow()
        waiting = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0)
        for number in range(MAX_BEHIND + 7):
            history.add("route", "a", str(number))

        entries, missed = await waiting
        assert len(entries) == MAX_BEHIND
        assert missed == 7
        await following.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())


def test_alarms_tell_what_is_new_and_what_is_over_once() -> None:
    history, logged = make()
    alarms = Alarms(history)

    for text in ("tripped", "tripped", "tripped harder", None, None):
        alarms.set("guard default", text)

    assert [entry.text for entry in logged] == ["tripped", "over: tripped harder"]
    assert alarms.all == []
