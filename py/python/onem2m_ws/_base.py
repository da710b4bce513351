"""What the asyncio face and the blocking face of a client share: what goes out, and where what comes in belongs."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Callable, Generic, TypeVar

from . import _native
from ._native import Queue, ReceivedRequest, Slot, Token
from .enums import Operation
from .errors import AlreadyRespondedError, ArgumentError, ConnectionLostError, DecodeError, OneM2MError, ResponseError
from .events import Event, Telling
from .primitives import (
    IncomingRequestBase,
    NotificationBase,
    Request,
    Response,
    StateChange,
    _content_bytes,
    _json_bytes,
    _refusal_text,
    _signal_of,
)
from .settings import _native_settings
from .tls import PeerIdentity, _identity

connection_log = logging.getLogger("onem2m_ws.connection")
request_log = logging.getLogger("onem2m_ws.requests")

#: Requests of the peer's that are kept for a program that does not take them; a session has as many unanswered at most.
MOST_REQUESTS = 256

R = TypeVar("R", bound=IncomingRequestBase)
N = TypeVar("N", bound=NotificationBase)

_clients: weakref.WeakSet[ClientBase[Any, Any]] = weakref.WeakSet()


def _end() -> None:
    """Closes at once what is still open, and sends waiting threads back, before the interpreter ends."""
    for client in list(_clients):
        client._native.abort()
    _native.begin_exit(1.0)


atexit.register(_end)
os.register_at_fork(after_in_child=_native.forked)


@dataclass
class Subscribed(Generic[N]):
    """A subscription of ours and where its notifications go. `addresses` are the forms in which it may be named."""

    addresses: tuple[str, ...]
    callback: Callable[[N], Any]

    def is_meant_by(self, address: str) -> bool:
        # CSE-relative, SP-relative and absolute forms of an address end alike.
        address = "/" + address.lstrip("/")
        return any(address.endswith("/" + own) or ("/" + own).endswith(address) for own in self.addresses)


class ClientBase(Generic[R, N]):
    """The common part of both clients. Routing runs on one thread; the lock is for those who subscribe on others."""

    _native: _native.Client
    _point_of_access: str

    def __init__(self, queue: Queue, handle: int, point_of_access: str, settings: dict[str, Any]) -> None:
        self._lock = threading.Lock()
        self._handler: Callable[[R], Any] | None = None
        self._state_handler: Callable[[StateChange], Any] | None = None
        self._telling = Telling()
        self._unclaimed: deque[R] = deque(maxlen=MOST_REQUESTS)
        self._subscriptions: list[Subscribed[N]] = []
        self._subscribing = 0
        self._early: list[R] = []
        self._closing = False
        self._closed = False
        self._point_of_access = point_of_access
        if not isinstance(point_of_access, str):
            raise ArgumentError(f"the point of access is text as 'ws://localhost:9000', not {point_of_access!r}")
        self._native = _native.Client(queue, handle, point_of_access, _native_settings(settings))
        _clients.add(self)

    # --- out

    def _hand_over(self, to: int | Slot, request: Request) -> Token:
        content = request.content
        pc = None if content is None else _content_bytes(content)
        try:
            if request._is_plain():
                return self._native.send(to, request.operation, request.to, request.ty, pc)
            return self._native.send_with(to, request._envelope(), pc, request.request_id is not None)
        except (OverflowError, UnicodeEncodeError) as error:
            raise ArgumentError(f"{request!r}: {error}") from error

    def _hand_over_in(self, to: int | Slot, number: int, mode: str, request: Request) -> Token:
        content = request.content
        pc = None if content is None else _content_bytes(content)
        try:
            return self._native.send_in(to, number, mode, request._envelope(), pc, request.request_id is not None)
        except (OverflowError, UnicodeEncodeError) as error:
            raise ArgumentError(f"{request!r}: {error}") from error

    def _hand_over_post(self, to: int | Slot, request: Request) -> None:
        content = request.content
        pc = None if content is None else _content_bytes(content)
        try:
            self._native.post(to, request._envelope(), pc, request.request_id is not None)
        except (OverflowError, UnicodeEncodeError) as error:
            raise ArgumentError(f"{request!r}: {error}") from error

    def _hand_over_ae(
        self,
        to: int | Slot,
        app_id: str,
        name: str | None,
        registrar: str | None,
        lifetime: float | None,
        attributes: Mapping[str, Any] | None,
    ) -> None:
        more = _json_bytes("attributes", attributes or {})
        self._native.register_ae(to, app_id, name, registrar, lifetime, more)

    def _hand_over_cse(
        self,
        to: int | Slot,
        cse_id: str,
        cse_name: str,
        registrar: str | None,
        lifetime: float | None,
        attributes: Mapping[str, Any] | None,
    ) -> None:
        more = _json_bytes("attributes", attributes or {})
        self._native.register_cse(to, cse_id, cse_name, registrar, lifetime, more)

    def _hand_over_subscription(
        self,
        to: int | Slot,
        target: str,
        name: str | None,
        events: Iterable[int],
        content_type: int | None,
        attributes: Mapping[str, Any] | None,
    ) -> Token:
        more = _json_bytes("attributes", attributes or {})
        return self._native.subscribe(to, target, name, list(events), content_type, more)

    # --- TLS

    @property
    def peer_identity(self) -> PeerIdentity | None:
        """Who the registrar is, by its certificate or key; `None` without TLS, or while there is no connection."""
        return _identity(self._native.peer_identity())

    def reload_tls(self) -> None:
        """Reads the files of `tls` anew, for the connections that are opened from now on.

        The one that is open is closed, and opened again, if its registrar is not to be trusted any more.

        Raises `ArgumentError` if a file cannot be used: then all stays as it was. `StateError` if there is no TLS.
        """
        self._native.reload_tls()

    # --- in

    def _incoming(self, native: ReceivedRequest) -> R:
        raise NotImplementedError

    def _notification(self, signal: Mapping[str, Any], request: R) -> N:
        raise NotImplementedError

    def _run(self, callback: Callable[[Any], Any], argument: Any, request: R) -> None:
        """Has the program's function answer `request`."""
        raise NotImplementedError

    def _arrived(self) -> None:
        """Tells those who wait for requests that there is one, or that there will be none."""
        raise NotImplementedError

    def _tell(self, callback: Callable[[Any], Any], what: StateChange | Event | Response) -> None:
        """Has the program's function hear of a change of the connection, an event, or an acknowledgement."""
        raise NotImplementedError

    def _route_request(self, native: ReceivedRequest) -> None:
        self._route(self._incoming(native))

    def _route(self, request: R) -> None:
        if (self._subscribing or self._subscriptions) and request.operation == Operation.NOTIFY:
            signal = _signal_of(request)
            if signal is not None and self._route_signal(signal, request):
                return
        with self._lock:
            handler = self._handler
            if handler is None:
                self._unclaimed.append(request)
        if handler is None:
            self._arrived()
        else:
            self._run(handler, request, request)

    def _route_signal(self, signal: Mapping[str, Any], request: R) -> bool:
        address = signal.get("sur")
        with self._lock:
            subscribing = self._subscribing > 0
            subscribed = None
            if isinstance(address, str):
                subscribed = next((s for s in self._subscriptions if s.is_meant_by(address)), None)
            verification = signal.get("vrq") is True and (subscribing or subscribed is not None)
            if subscribed is None and subscribing and not verification:
                # The notification was faster than the answer to the request that subscribes.
                self._early.append(request)
                return True
        if verification:
            self._answer(request, 2000)
        elif subscribed is not None:
            self._run(subscribed.callback, self._notification(signal, request), request)
        return verification or subscribed is not None

    def _begin_subscribing(self) -> None:
        with self._lock:
            self._subscribing += 1

    def _end_subscribing(self) -> None:
        with self._lock:
            self._subscribing -= 1
            early, self._early = self._early, []
        for request in early:
            self._route(request)

    def _subscribed(self, target: str, response: Response, callback: Callable[[N], Any]) -> Subscribed[N]:
        """The subscription that an answer brought about; raises if it did not."""
        if not response.ok:
            raise ResponseError(f"subscribing to {target}: {_refusal_text(response)}", response)
        content = response.content or {}
        resource = content.get("m2m:sub")
        if not isinstance(resource, Mapping):
            raise DecodeError(f"subscribing to {target}: the answer holds no m2m:sub")
        addresses = []
        if isinstance(resource.get("ri"), str):
            addresses.append(resource["ri"].strip("/"))
        if isinstance(resource.get("rn"), str):
            addresses.append(f"{target.strip('/')}/{resource['rn']}")
        if not addresses:
            raise DecodeError(f"subscribing to {target}: the answer holds neither ri nor rn")
        subscribed = Subscribed(tuple(addresses), callback)
        with self._lock:
            self._subscriptions.append(subscribed)
        return subscribed

    def _unsubscribed(self, subscribed: Subscribed[N]) -> None:
        with self._lock:
            if subscribed in self._subscriptions:
                self._subscriptions.remove(subscribed)

    def _set_handler(self, handler: Callable[[R], Any] | None) -> None:
        with self._lock:
            self._handler = handler
            waiting = list(self._unclaimed) if handler is not None else []
            if waiting:
                self._unclaimed.clear()
        for request in waiting:
            self._route(request)

    # --- answers

    def _finish(self, request: R, result: object) -> None:
        """Answers with what the program's function returned."""
        if request.answered:
            if result is not None:
                request_log.warning("%r was answered already; what the handler returned is not used", request)
        elif result is None:
            self._answer(request, 2000)
        elif isinstance(result, (Response, int)) and not isinstance(result, bool):
            self._answer(request, result)
        else:
            request_log.error(
                "the handler of %r returned %s, not a Response, a status or None", request, type(result).__name__
            )
            self._answer(request, Response(5000, {"m2m:dbg": "the application failed"}))

    def _failed(self, request: R) -> None:
        """Answers for a program's function that raised; to be called where the exception is handled."""
        request_log.exception("the handler of %r failed", request)
        if not request.answered:
            self._answer(request, Response(5000, {"m2m:dbg": "the application failed"}))

    def _answer(self, request: R, answer: Response | int) -> None:
        try:
            request._answer(answer)
        except (AlreadyRespondedError, ConnectionLostError) as error:
            request_log.warning("the answer to %r is lost: %s", request, error)
        except OneM2MError:
            request_log.exception("the answer to %r cannot be sent", request)
            if not request.answered:
                request._answer(5000)

    # --- the connection

    def _route_state(self, payload: tuple[str, Exception | None, int, float | None]) -> None:
        change = StateChange(*payload)
        if change.state in ("open", "registered"):
            connection_log.info("%s: %s", self._point_of_access, change.state)
        elif change.state == "closed":
            connection_log.info("%s: closed", self._point_of_access)
            self._closed = True
            self._arrived()
        elif change.state == "closing":
            self._closing = True
        elif change.state == "disconnected" and change.cause is not None:
            closing, self._closing = self._closing, False
            again = "" if change.next_attempt is None else f"; next attempt in {change.next_attempt:.1f} s"
            # What this end closed is no loss. An attempt that is not repeated was asked for: who asked is told.
            expected = closing or (change.attempt and change.next_attempt is None)
            level = logging.INFO if expected else logging.WARNING
            text = str(change.cause)
            where = "" if text.startswith(self._point_of_access) else f"{self._point_of_access}: "
            connection_log.log(level, "%s%s%s", where, text, again)
        if self._state_handler is not None:
            self._tell(self._state_handler, change)

    # --- events

    def _route_event(self, payload: tuple[Any, ...]) -> None:
        self._telling.tell(self._point_of_access, payload, self._tell)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} {self._point_of_access}>"
