"""When the daemon's objects are left out of garbage collections."""

import gc

from rhi.daemon.heap import Settled


class Notebook:
    """Notes what it is told instead of collecting."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def unfreeze(self) -> None:
        self.calls.append("unfreeze")

    def collect(self) -> int:
        self.calls.append("collect")
        return 0

    def freeze(self) -> None:
        self.calls.append("freeze")

    def taken(self) -> list[str]:
        calls, self.calls = self.calls, []
        return calls


def test_configuration_is_left_out_at_once_and_what_it_remembers_when_all_is_decided() -> None:
    notebook, decided = Notebook(), [False]
    setups = [object()]
    settled = Settled(lambda: setups[-1], lambda: decided[0], notebook)

    settled("decision", 1.0)
    assert notebook.taken() == ["unfreeze", "collect", "freeze"]
    settled("decision", 2.0)
    assert notebook.taken() == []
    decided[0] = True
    settled("decision", 3.0)
    assert notebook.taken() == ["freeze"]
    settled("decision", 4.0)
    assert notebook.taken() == []

    setups.append(object())
    settled("decision", 5.0)
    assert notebook.taken() == ["unfreeze", "collect", "freeze", "freeze"]


def test_module_gc_is_such_a_collector() -> None:
    settled = Settled(object, lambda: True, gc)
    before = gc.get_freeze_count()
    try:
        settled()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
