"""An observer's own thread: it may take its time, and no session waits for it."""

import logging
from threading import Condition, Thread, current_thread

from rhi.model.events import Event
from rhi.model.observer import Observer
from rhi.model.parameters import Parameters
from rhi.net.event_queue import EventQueue
from rhi.net.facade import tell

log = logging.getLogger("rhi")


class ObserverThread:
    """Calls an observer from a thread of its own."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._waiting = EventQueue()
        self._is_closed = False
        self._condition = Condition()
        self._thread = Thread(target=self._run, name="rhi-observer", daemon=True)

    def start(self) -> None:
        """Begin to call."""
        self._thread.start()

    def put(self, event: Event, parameters: Parameters | None) -> None:
        """Have the observer called."""
        with self._condition:
            self._waiting.put(event, parameters)
            self._condition.notify()

    def close(self, timeout: float) -> None:
        """Deliver what waits; returns after `timeout` seconds even if that takes longer."""
        with self._condition:
            self._is_closed = True
            self._condition.notify()
        if self._thread is not current_thread() and self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._waiting and not self._is_closed:
                    self._condition.wait()
                if not self._waiting:
                    return
                event, parameters = self._waiting.take()
                dropped, self._waiting.dropped = self._waiting.dropped, 0
            if dropped:
                log.warning("observer is too slow: %d events dropped", dropped)
            # SystemExit too: it would end this thread in silence
            tell(self._observer, event, parameters, BaseException)
