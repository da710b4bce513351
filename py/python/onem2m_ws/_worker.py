"""The thread on which the blocking face calls functions of the program."""

from __future__ import annotations

import queue
import threading
import weakref
from typing import Callable, Optional

_Work = Optional[Callable[[], None]]


def _run(work: queue.SimpleQueue[_Work]) -> None:
    while True:
        item = work.get()
        if item is None:
            return
        item()
        del item


class Worker:
    """Runs functions one after the other, on a thread that begins with the first and ends when this is forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        weakref.finalize(self, self._work.put, None).atexit = False

    def run(self, work: Callable[[], None]) -> None:
        """Has `work` run, which raises nothing."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=_run, args=(self._work,), name="onem2m-ws handler", daemon=True)
                self._thread.start()
        self._work.put(work)

    def is_current(self) -> bool:
        """True for who is run here."""
        return threading.current_thread() is self._thread
