"""`Observer` as a base: whatever is not overridden does nothing."""

from rhi.model.events import Event, PeerAdded
from rhi.model.observer import Observer
from rhi.model.parameters import Parameters


def test_observer_derived_class_gets_what_it_overrides() -> None:
    seen: list[object] = []

    class Listener(Observer):
        def on_event(self, event: Event) -> None:
            seen.append(event)

    observer: Observer = Listener()
    observer.on_peer("192.0.2.1", Parameters(as_number=1), True)
    observer.on_session("192.0.2.1", True, "closed")
    observer.on_event(PeerAdded(peer="192.0.2.1"))

    assert seen == [PeerAdded(peer="192.0.2.1")]


def test_observer_itself_does_nothing() -> None:
    Observer().on_event(PeerAdded(peer="192.0.2.1"))
