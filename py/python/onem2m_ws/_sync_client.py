"""The blocking client, `onem2m_ws.sync.Client`, and what it hands to programs."""

from __future__ import annotations

import itertools
import queue
import threading
import weakref
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Callable, Optional, TypeVar

from . import _native
from ._base import MOST_REQUESTS, ClientBase, Subscribed, connection_log
from .enums import Operation
from .errors import ClosedError, ForkError, StateError
from .events import Event
from .formats import Format
from .primitives import (
    Answer,
    IncomingRequestBase,
    NotificationBase,
    Posted,
    Registration,
    Request,
    Response,
    StateChange,
    _discovery,
)


class IncomingRequest(IncomingRequestBase):
    """A request of the peer's, to be answered once. One that is forgotten is answered 5000 by itself."""

    __slots__ = ()

    def respond(self, answer: Response | int = 2000, content: Mapping[str, Any] | None = None) -> None:
        """Answers with a response, or with a status and content."""
        self._answer(answer, content)


class Notification(NotificationBase):
    """A notification of a subscription. `request` is the request that brought it."""

    request: IncomingRequest

    def __init__(self, signal: Mapping[str, Any], request: IncomingRequest) -> None:
        super().__init__(signal)
        object.__setattr__(self, "request", request)


RequestHandler = Callable[[IncomingRequest], Answer]
NotificationHandler = Callable[[Notification], Answer]
StateHandler = Callable[[StateChange], None]
EventHandler = Callable[[Event], None]
AcknowledgementHandler = Callable[[Response], None]
H = TypeVar("H", bound=RequestHandler)
S = TypeVar("S", bound=StateHandler)
E = TypeVar("E", bound=EventHandler)


class Subscription:
    """A subscription that `Client.subscribe` made."""

    def __init__(self, client: Client, subscribed: Subscribed[Notification], response: Response) -> None:
        self._client = client
        self._subscribed = subscribed
        self.response = response
        """The registrar's answer, with the `<subscription>` resource."""

    @property
    def address(self) -> str:
        """Address of the subscription."""
        return self._subscribed.addresses[-1]

    def delete(self) -> Response:
        """Deletes the subscription at the registrar; its callback is not called any more."""
        response = self._client.delete(self.address)
        if response.ok:
            self._client._unsubscribed(self._subscribed)
        return response


def _receive(deliveries: _native.Queue, reference: weakref.ref[Client]) -> None:
    """Takes what comes in for a client, until it is closed. Never runs code of the program."""
    while True:
        try:
            batch = deliveries.wait(60.0)
        except (ClosedError, ForkError):  # the interpreter ends
            return
        client = reference()
        if client is None:
            return
        payload: Any
        for kind, number, payload in batch:
            if kind == _native.REQUEST:
                client._route_request(payload)
            elif kind == _native.STATE:
                client._route_state(payload)
            elif kind == _native.ACKNOWLEDGED:
                client._route_acknowledgement(number, payload)
            elif kind == _native.RESULT:
                client._acknowledgements.pop(number, None)
            elif kind == _native.EVENT and payload is not None:
                client._route_event(payload)
        closed = client._closed
        # Nothing is kept while it waits: a request that the program forgot is answered.
        del client, batch
        payload = None
        if closed:
            return


_Work = Optional[Callable[[], None]]


def _work(work: queue.SimpleQueue[_Work]) -> None:
    """Runs the functions of the program, one after the other."""
    while True:
        item = work.get()
        if item is None:
            return
        item()
        del item


class Client(ClientBase[IncomingRequest, Notification]):
    """A registree's end of the binding: an AE, or a CSE towards its registrar. Made by `connect`.

    A lost connection is opened again without a new registration.
    """

    def __init__(self, point_of_access: str, settings: dict[str, Any]) -> None:
        deliveries = _native.Queue(MOST_REQUESTS)
        self._arrival = threading.Condition()
        self._work: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._numbers = itertools.count(1)
        self._acknowledgements: dict[int, AcknowledgementHandler] = {}
        super().__init__(deliveries, 0, point_of_access, settings)
        # Neither thread holds the client: it ends when the program forgets it.
        threading.Thread(
            target=_receive, args=(deliveries, weakref.ref(self)), name="onem2m-ws receiver", daemon=True
        ).start()
        weakref.finalize(self, self._work.put, None).atexit = False

    # --- life

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.abort()
        self.close()

    def connect(self) -> None:
        """Opens the connection if it is not open."""
        self._call(self._native.connect)

    def disconnect(self) -> None:
        """Closes the connection for now: the next request opens it again, the registration stays in force."""
        self._call(self._native.disconnect)

    def close(self) -> None:
        """Closes the client: waits for what is under way, then closes the connection. Can be called again.

        The registration stays in force. Called from a handler, it does not wait, since it would wait for that handler.
        To close without regard to what is under way, use `abort`.
        """
        if threading.current_thread() is self._worker:
            self._native.close(_native.Slot())
        else:
            self._call(self._native.close)

    def abort(self) -> None:
        """Closes at once; what is under way fails with `ClosedError`."""
        self._native.abort()

    @property
    def state(self) -> StateChange:
        """Where the connection stands."""
        return StateChange(*self._native.state())

    @property
    def registration(self) -> Registration | None:
        """The registration in force."""
        registration = self._native.registration()
        return None if registration is None else Registration(*registration)

    @property
    def format(self) -> Format | None:
        """What the connection speaks, which the registrar chose from `formats`; `None` while there is none."""
        name = self._native.format()
        return None if name is None else Format(name)

    @property
    def counters(self) -> dict[str, int]:
        """What was counted so far, by name."""
        return self._native.counters()

    # --- out

    def register_ae(
        self,
        *,
        app_id: str,
        name: str | None = None,
        registrar: str | None = None,
        lifetime: float | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Registration:
        """Registers the originator as an AE; from then on requests of any kind can be sent and received.

        Args:
            app_id: the App-ID (`api`): `N` and a name of your own, or `R` and a registered one.
            name: name of the AE resource (`rn`); the registrar makes one if there is none.
            registrar: address of the registrar's CSEBase, if it does not understand `-`; often `cse-in`.
            lifetime: for how many seconds the registration is made, at least 1; it is renewed before it lapses. The
                registrar may make it shorter, and decides if there is none.
            attributes: any other attributes by their short names.

        With the `state_file` of an earlier run the registrar is only asked whether it still knows us; the registration
        is then left as it is.

        Returns the registration. Its `entity` is the AE-ID, which the registrar assigned if the originator was `C`, `S`
        or none.

        Raises `RegistrationRefusedError` with the registrar's answer, and what `send` raises.
        """
        return Registration(
            *self._call(lambda slot: self._hand_over_ae(slot, app_id, name, registrar, lifetime, attributes))
        )

    def register_cse(
        self,
        *,
        cse_id: str,
        cse_name: str,
        registrar: str | None = None,
        lifetime: float | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Registration:
        """Registers the originator as a CSE with the ID `cse_id` (`/id-mn`) and a CSEBase named `cse_name`.

        The other arguments, the result and the errors are those of `register_ae`.
        """
        return Registration(
            *self._call(lambda slot: self._hand_over_cse(slot, cse_id, cse_name, registrar, lifetime, attributes))
        )

    def send(
        self,
        request: Request,
        *,
        mode: str = "blocking",
        on_acknowledged: AcknowledgementHandler | None = None,
    ) -> Response:
        """Sends a request and waits for its response, whatever its status.

        Without a connection the request waits for one, which is opened.

        Args:
            request: what to send.
            mode: how the result comes. `"blocking"`: in the response. `"sync"`: the registrar only acknowledges, and
                keeps the result, which is fetched when it is there. `"async"`: it sends the result later, as a
                notification. `"flex"`: as the registrar likes. In each, the final result is what is returned.
            on_acknowledged: a function that gets the registrar's acknowledgement, a `Response`, before the result.

        Raises:
            NotRegisteredError, ClosedError, QueueFullError, ArgumentError, EncodeError: it was not sent.
            RequestTimeoutError, ConnectionLostError: there is no response; `outcome_unknown` of the error says whether
                it may have been carried out.
        """
        if mode == "blocking":
            return Response._received(self._call(lambda slot: self._hand_over(slot, request)))
        number = next(self._numbers)
        if on_acknowledged is not None:
            self._acknowledgements[number] = on_acknowledged
        try:
            return Response._received(self._call(lambda slot: self._hand_over_in(slot, number, mode, request)))
        except BaseException:  # it may not have been sent, or is cancelled: nobody else forgets it
            self._acknowledgements.pop(number, None)
            raise

    def post(self, request: Request) -> str:
        """Accepts a request, and delivers it when that is possible: now, or when the connection is open again.

        Returns its identifier when it is accepted, which with an `outbox_file` is when it is in the file. What became
        of it is told to `on_event` as `events.Delivered`. Requests are delivered in the order of these calls, at least
        once, each time with the same identifier; nothing is delivered before the entity is registered.

        Raises:
            QueueFullError: the outbox is full, see `Outbox`.
            RequestTimeoutError: its expiration has passed.
            ArgumentError, ClosedError, StorageError: it was not accepted.
        """
        rqi: str = self._call(lambda slot: self._hand_over_post(slot, request))
        return rqi

    def flush(self, timeout: float | None = None) -> None:
        """Waits until everything that was posted is delivered, or has expired; for ever if it cannot be.

        Raises `RequestTimeoutError` after `timeout` seconds: what is in the outbox then stays in it. `ClosedError` if
        the client is closed meanwhile.
        """
        self._call(lambda slot: self._native.flush(slot, timeout))

    @property
    def outbox(self) -> list[Posted]:
        """What was posted and is not delivered yet, in its order."""
        return [Posted._listed(*posted) for posted in self._native.outbox()]

    def create(
        self,
        to: str,
        *,
        ty: int,
        content: Mapping[str, Any],
        originator: str | None = None,
        result_content: int | None = None,
        expires_in: float | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Response:
        """Creates a resource of type `ty` below `to`. See `Request` for the arguments, `send` for the errors."""
        return self.send(
            Request(
                Operation.CREATE,
                to,
                ty=ty,
                content=content,
                originator=originator,
                result_content=result_content,
                expires_in=expires_in,
                parameters=parameters,
            )
        )

    def retrieve(
        self,
        to: str,
        *,
        originator: str | None = None,
        result_content: int | None = None,
        expires_in: float | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Response:
        """Retrieves the resource `to`. See `Request` for the arguments, `send` for the errors."""
        return self.send(
            Request(
                Operation.RETRIEVE,
                to,
                originator=originator,
                result_content=result_content,
                expires_in=expires_in,
                parameters=parameters,
            )
        )

    def update(
        self,
        to: str,
        *,
        content: Mapping[str, Any],
        originator: str | None = None,
        result_content: int | None = None,
        expires_in: float | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Response:
        """Changes attributes of `to`; an attribute that is `None` is deleted. See `Request` and `send`."""
        return self.send(
            Request(
                Operation.UPDATE,
                to,
                content=content,
                originator=originator,
                result_content=result_content,
                expires_in=expires_in,
                parameters=parameters,
            )
        )

    def delete(
        self,
        to: str,
        *,
        originator: str | None = None,
        result_content: int | None = None,
        expires_in: float | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Response:
        """Deletes `to` and all below it. See `Request` for the arguments, `send` for the errors."""
        return self.send(
            Request(
                Operation.DELETE,
                to,
                originator=originator,
                result_content=result_content,
                expires_in=expires_in,
                parameters=parameters,
            )
        )

    def notify(
        self,
        to: str,
        *,
        content: Mapping[str, Any],
        originator: str | None = None,
        result_content: int | None = None,
        expires_in: float | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Response:
        """Notifies `to`. See `Request` for the arguments, `send` for the errors."""
        return self.send(
            Request(
                Operation.NOTIFY,
                to,
                content=content,
                originator=originator,
                result_content=result_content,
                expires_in=expires_in,
                parameters=parameters,
            )
        )

    def discover(
        self,
        to: str,
        *,
        types: Iterable[int] = (),
        labels: Iterable[str] = (),
        limit: int | None = None,
        level: int | None = None,
        criteria: Mapping[str, Any] | None = None,
        originator: str | None = None,
    ) -> Response:
        """Finds resources below `to`: `addresses` of the response are theirs. See `send` for the errors.

        Args:
            types: resources of any of these types.
            labels: resources with any of these labels.
            limit: at most so many.
            level: at most so many levels below `to`.
            criteria: any other filter criteria by their short names, as `{"cra": "20250101T000000"}`.
            originator: who asks, if it is not the client's own entity.
        """
        return self.send(_discovery(to, types, labels, limit, level, criteria, originator))

    def subscribe(
        self,
        target: str,
        callback: NotificationHandler,
        *,
        name: str | None = None,
        events: Iterable[int] = (),
        content_type: int | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Subscription:
        """Subscribes to `target`: notifications come to `callback`, over this connection.

        The registrar's verification request is answered by itself. `callback` gets a `Notification`; what it returns is
        the answer, as for `on_request`.

        Args:
            target: address of the resource to watch.
            callback: a function; it is called on a thread of the client's.
            name: name of the subscription resource.
            events: what is notified, see `NotificationEventType`; new children of the target if there are none.
            content_type: what a notification carries, see `NotificationContentType`; the whole resource by default.
            attributes: any other attributes of the subscription by their short names.

        Raises `ResponseError` if the registrar refuses, and what `send` raises.
        """
        self._begin_subscribing()
        try:
            native = self._call(
                lambda slot: self._hand_over_subscription(slot, target, name, events, content_type, attributes)
            )
            response = Response._received(native)
            return Subscription(self, self._subscribed(target, response, callback), response)
        finally:
            self._end_subscribing()

    # --- in

    def on_request(self, handler: H) -> H:
        """Has `handler` answer the requests of the peer. Usable as a decorator.

        What it returns is the answer: a `Response`, a status, or nothing, which means 2000 OK unless the handler has
        called `respond` itself. If it raises, the exception is logged and the peer gets 5000. Requests that came before
        there was a handler are handled now.
        """
        self._set_handler(handler)
        return handler

    def on_state(self, handler: S) -> S:
        """Has `handler` called with a `StateChange` when the connection opens or closes. Usable as a decorator."""
        self._state_handler = handler
        return handler

    def on_event(self, handler: E) -> E:
        """Has `handler` called with what happens besides requests and the connection. Usable as a decorator.

        Events are the classes in `onem2m_ws.events`: what becomes of the registration, and of each request that was
        posted. Those that came before there was a handler come now, the latest 256 of them.
        """
        self._telling.set_handler(handler, self._tell)
        return handler

    def requests(self) -> Requests:
        """The requests of the peer, for `for`, where there is no `on_request`. Ends when the client is closed."""
        if self._handler is not None:
            raise StateError("there is a handler for requests (on_request)")
        return Requests(self)

    def _call(self, start: Callable[[_native.Slot], Any]) -> Any:
        slot = _native.Slot()
        token = start(slot)
        try:
            return slot.wait()
        except KeyboardInterrupt:
            if token is not None:
                self._native.cancel(token)
            raise

    def _incoming(self, native: _native.ReceivedRequest) -> IncomingRequest:
        return IncomingRequest(native)

    def _notification(self, signal: Mapping[str, Any], request: IncomingRequest) -> Notification:
        return Notification(signal, request)

    def _arrived(self) -> None:
        with self._arrival:
            self._arrival.notify_all()

    def _run(self, callback: Callable[[Any], Any], argument: Any, request: IncomingRequest) -> None:
        # The request is kept by the work alone: forgotten there, it is answered.
        self._start(lambda: self._handle(callback, argument, request))

    def _handle(self, callback: Callable[[Any], Any], argument: Any, request: IncomingRequest) -> None:
        try:
            result = callback(argument)
        except BaseException:  # also what would end this thread, which others need
            self._failed(request)
        else:
            self._finish(request, result)

    def _tell(self, callback: Callable[[Any], Any], what: StateChange | Event | Response) -> None:
        def work() -> None:
            try:
                callback(what)
            except BaseException:
                connection_log.exception("the handler of %s failed", type(what).__name__)

        self._start(work)

    def _route_acknowledgement(self, number: int, native: _native.ReceivedResponse) -> None:
        handler = self._acknowledgements.get(number)
        if handler is not None:
            self._tell(handler, Response._received(native))

    def _start(self, work: Callable[[], None]) -> None:
        with self._lock:
            if self._worker is None:
                self._worker = threading.Thread(target=_work, args=(self._work,), name="onem2m-ws handler", daemon=True)
                self._worker.start()
        self._work.put(work)


class Requests:
    """The requests of the peer, one after the other."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __iter__(self) -> Requests:
        return self

    def __next__(self) -> IncomingRequest:
        client = self._client
        with client._arrival:
            while True:
                try:
                    return client._unclaimed.popleft()
                except IndexError:
                    pass
                if client._closed:
                    raise StopIteration
                client._arrival.wait()
