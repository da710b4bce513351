"""Both faces of the package behind one blocking interface, so that one test proves both.

The asyncio face runs on an event loop of its own in a thread; what its methods return is waited for there.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Callable

import onem2m_ws
import onem2m_ws.client
import onem2m_ws.sync

SECONDS = 30.0


class Face:
    """The blocking face, as it is."""

    name = "sync"
    module: ModuleType = onem2m_ws.sync

    def connect(self, point_of_access: str, **settings: Any) -> Any:
        return onem2m_ws.sync.connect(point_of_access, **settings)

    def registrar(self, **settings: Any) -> Any:
        return onem2m_ws.sync.Registrar(**settings)

    def close(self) -> None:
        pass


class AsyncFace(Face):
    """The asyncio face, blocking."""

    name = "asyncio"
    module = onem2m_ws

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def connect(self, point_of_access: str, **settings: Any) -> Any:
        return Blocking(self, self.call(onem2m_ws.connect, point_of_access, **settings))

    def registrar(self, **settings: Any) -> Any:
        return Blocking(self, onem2m_ws.Registrar(**settings))

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Calls a function on the loop's thread and waits for what it returns."""

        async def called() -> Any:
            result = function(*arguments, **named)
            return await result if inspect.isawaitable(result) else result

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(SECONDS)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(SECONDS)
        self.loop.close()


class Blocking:
    """An object of the asyncio face whose methods wait."""

    WRAPPED = (
        onem2m_ws.Client,
        onem2m_ws.IncomingRequest,
        onem2m_ws.Registrar,
        onem2m_ws.Subscription,
        onem2m_ws.client.Requests,
    )

    def __init__(self, face: AsyncFace, inner: Any) -> None:
        self._face = face
        self._inner = inner

    def _wrap(self, value: Any) -> Any:
        return Blocking(self._face, value) if isinstance(value, self.WRAPPED) else value

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value
        return lambda *arguments, **named: self._wrap(self._face.call(value, *arguments, **named))

    def __enter__(self) -> Any:
        return self._wrap(self._face.call(self._inner.__aenter__))

    def __exit__(self, *error: Any) -> None:
        self._face.call(self._inner.__aexit__, *error)

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                yield self._wrap(self._face.call(self._inner.__anext__))
            except StopAsyncIteration:
                return
