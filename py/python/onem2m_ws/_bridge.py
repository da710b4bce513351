"""How deliveries of the library get into an event loop."""

from __future__ import annotations

import asyncio
import itertools
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Callable

from . import _native
from ._base import MOST_REQUESTS
from .errors import ForkError
from .primitives import Response

if TYPE_CHECKING:
    from .client import Client
    from .registrar import Registrar


class Bridge:
    """One queue and one descriptor for all clients of an event loop: it wakes up once for a burst of deliveries."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.queue = _native.Queue(MOST_REQUESTS)
        self.calls: dict[int, asyncio.Future[Any]] = {}
        self.clients: weakref.WeakValueDictionary[int, Client] = weakref.WeakValueDictionary()
        self.registrars: weakref.WeakValueDictionary[int, Registrar] = weakref.WeakValueDictionary()
        self.acknowledgements: dict[int, Callable[[Response], None]] = {}
        self.numbers = itertools.count(1)
        self.undelivered: deque[tuple[int, int, Any]] = deque()
        # The loop keeps the bridge through this, not the other way round.
        loop.add_reader(self.queue.fileno(), self.deliver)

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> Bridge:
        reference = _bridges.get(loop)
        bridge = reference() if reference is not None else None
        if bridge is None:
            bridge = cls(loop)
            _bridges[loop] = weakref.ref(bridge)
        return bridge

    def deliver(self) -> None:
        undelivered, calls = self.undelivered, self.calls
        try:
            undelivered.extend(self.queue.drain())
        except ForkError:
            # A child process that goes on with its parent's loop: what arrives here is the parent's.
            asyncio.get_running_loop().remove_reader(self.queue.fileno())
            return
        try:
            while undelivered:
                kind, number, payload = undelivered.popleft()
                if kind == _native.RESULT:
                    future = calls.pop(number, None)
                    if future is not None and not future.done():
                        future.set_result(payload)
                elif kind == _native.ERROR:
                    future = calls.pop(number, None)
                    if future is not None and not future.done():
                        future.set_exception(payload)
                elif kind == _native.ACKNOWLEDGED:
                    acknowledge = self.acknowledgements.get(number)
                    if acknowledge is not None:
                        acknowledge(Response._received(payload))
                elif kind == _native.EVENT:
                    told = self.clients.get(number) or self.registrars.get(number)
                    if told is not None and payload is not None:
                        told._route_event(payload)
                else:
                    client = self.clients.get(number)
                    if client is None:
                        continue
                    if kind == _native.REQUEST:
                        client._route_request(payload)
                    else:
                        client._route_state(payload)
        finally:
            if undelivered:  # a handler raised what ends the program; the rest is for those who catch it
                asyncio.get_running_loop().call_soon(self.deliver)


_bridges: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Bridge]] = weakref.WeakKeyDictionary()
