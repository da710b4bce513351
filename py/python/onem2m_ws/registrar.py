"""The embedded registrar for asyncio. `onem2m_ws.sync` has the same one, blocking."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType

from . import _native
from ._bridge import Bridge
from .errors import StateError


class Registrar:
    """A small registrar (CSE) inside this program, to write and test AEs without another one. It is no product CSE.

    `async with` starts and stops it.

    Args:
        listen: where registrees reach it, `ws://host:port`, or several of them; port 0 takes any that is free.
        cse_id: its CSE-ID.
        cse_name: the name of its CSEBase.
        admin: the originator that needs no registration and may do everything.
        allow_insecure: allows to listen at an address that others can reach, though nothing is encrypted.
    """

    def __init__(
        self,
        *,
        listen: str | Iterable[str] = "ws://127.0.0.1:9000",
        cse_id: str = "/id-in",
        cse_name: str = "cse-in",
        admin: str = "CAdmin",
        allow_insecure: bool = False,
    ) -> None:
        addresses = [listen] if isinstance(listen, str) else list(listen)
        self._settings = (addresses, cse_id, cse_name, admin, allow_insecure)
        self._native: _native.Registrar | None = None

    async def start(self) -> None:
        """Starts it: it listens when this returns. Raises `ArgumentError` or `NetworkError` if it cannot."""
        if self._native is not None:
            raise StateError("the registrar was started already")
        self._native = _native.Registrar(*self._settings)

    async def stop(self) -> None:
        """Stops it: closes every connection as soon as nothing under way waits on it."""
        native, self._native = self._native, None
        if native is None:
            return
        bridge = Bridge.of(asyncio.get_running_loop())
        number = next(bridge.numbers)
        native.stop(bridge.queue, number)
        bridge.calls[number] = future = asyncio.get_running_loop().create_future()
        try:
            await future
        finally:
            bridge.calls.pop(number, None)

    async def __aenter__(self) -> Registrar:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._native = None  # at once
        await self.stop()

    @property
    def points_of_access(self) -> list[str]:
        """Where registrees reach it."""
        if self._native is None:
            raise StateError("the registrar is not started")
        return self._native.points_of_access()

    @property
    def url(self) -> str:
        """The first point of access, as `ws://127.0.0.1:9000`."""
        return self.points_of_access[0]
