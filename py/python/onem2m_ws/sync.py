"""The client for programs that block: the same names and arguments as the asyncio face.

    with onem2m_ws.sync.connect("ws://localhost:9000", originator="Csensor1") as ae:
        ae.register_ae(app_id="Nexample", name="sensor1")
        ae.create("cse-in/sensor1", ty=3, content={"m2m:cnt": {"rn": "data"}})

A client may be used from several threads. Ctrl-C interrupts every call that waits. Functions of the program
(`on_request`, `subscribe`, `on_state`) are called on a thread of the client's, one after the other; they may call
everything.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Callable, Optional, TypeVar

from . import _native
from ._base import MOST_REQUESTS, ClientBase, Subscribed, connection_log
from ._sync_registrar import Registrar
from .enums import Operation
from .errors import ClosedError, ForkError, StateError
from .formats import Format
from .primitives import (
    Answer,
    IncomingRequestBase,
    NotificationBase,
    Registration,
    Request,
    Response,
    StateChange,
    _discovery,
)
from .settings import Compression

__all__ = ["Client", "IncomingRequest", "Notification", "Registrar", "Subscription", "connect"]


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
H = TypeVar("H", bound=RequestHandler)
S = TypeVar("S", bound=StateHandler)


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
        for kind, _, payload in batch:
            if kind == _native.REQUEST:
                client._route_request(payload)
            elif kind == _native.STATE:
                client._route_state(payload)
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
        attributes: Mapping[str, Any] | None = None,
    ) -> Registration:
        """Registers the originator as an AE; from then on requests of any kind can be sent and received.

        Args:
            app_id: the App-ID (`api`): `N` and a name of your own, or `R` and a registered one.
            name: name of the AE resource (`rn`); the registrar makes one if there is none.
            registrar: address of the registrar's CSEBase, if it does not understand `-`; often `cse-in`.
            attributes: any other attributes by their short names.

        Returns the registration. Its `entity` is the AE-ID, which the registrar assigned if the originator was `C`, `S`
        or none.

        Raises `RegistrationRefusedError` with the registrar's answer, and what `send` raises.
        """
        return Registration(*self._call(lambda slot: self._hand_over_ae(slot, app_id, name, registrar, attributes)))

    def register_cse(
        self,
        *,
        cse_id: str,
        cse_name: str,
        registrar: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Registration:
        """Registers the originator as a CSE with the ID `cse_id` (`/id-mn`) and a CSEBase named `cse_name`.

        The other arguments, the result and the errors are those of `register_ae`.
        """
        return Registration(
            *self._call(lambda slot: self._hand_over_cse(slot, cse_id, cse_name, registrar, attributes))
        )

    def send(self, request: Request) -> Response:
        """Sends a request and waits for its response, whatever its status.

        Without a connection the request waits for one, which is opened.

        Raises:
            NotRegisteredError, ClosedError, QueueFullError, ArgumentError, EncodeError: it was not sent.
            RequestTimeoutError, ConnectionLostError: what became of it is unknown.
        """
        return Response._received(self._call(lambda slot: self._hand_over(slot, request)))

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

    def _run_state(self, callback: Callable[[StateChange], Any], change: StateChange) -> None:
        def work() -> None:
            try:
                callback(change)
            except BaseException:
                connection_log.exception("the handler of state changes failed")

        self._start(work)

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


def connect(
    point_of_access: str,
    *,
    originator: str | None = None,
    registered: bool = False,
    preset: str = "default",
    stay_connected: bool = True,
    open_timeout: float | None = None,
    request_timeout: float | None = None,
    answer_timeout: float | None = None,
    reopen_delay: float | None = None,
    reopen_delay_max: float | None = None,
    stable_after: float | None = None,
    window: int | None = None,
    queue_requests: int | None = None,
    queue_bytes: int | None = None,
    max_message_size: int | None = None,
    max_fragments: int | None = None,
    fragment_size: int | None = None,
    max_control_frames: int | None = None,
    max_handshake_bytes: int | None = None,
    max_handshake_fields: int | None = None,
    ping_after: float | None = None,
    pong_timeout: float | None = None,
    write_timeout: float | None = None,
    close_timeout: float | None = None,
    idle_close: float | None = None,
    compression: bool | Compression = False,
    proxy: str | bool | None = None,
    proxy_credentials: tuple[str, str] | None = None,
    accepts: str = "all",
    release_version: str | None = None,
    origin_header: bool = True,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    formats: Format | str | Iterable[Format | str] | None = None,
    subprotocols: Iterable[str] | None = None,
    allow_missing_subprotocol: bool = False,
    strict: bool = False,
) -> Client:
    """Connects to the registrar at `point_of_access`, `ws://host[:port]`. Usable in a `with` statement.

    Who we are:
        originator: the AE-ID (`Cname`, `Sname`) or CSE-ID (`/id`) that requests come from. Without one, or with `C` or
            `S`, the registrar assigns an AE-ID at registration.
        registered: the originator is registered already, or needs no registration. Otherwise everything but a
            registration is refused until it succeeded.
        preset: `"acme"` sets what the ACME CSE asks for; other arguments hold against it.
        release_version: the release (`rvi`) of requests that name none, `"3"` by default; `""` for Release 1.
        accepts: which requests are taken: `"all"`, `"notifications"` or `"nothing"`; others are answered 4005.

    Time, in seconds:
        open_timeout: for opening a connection: name, TCP, proxy, handshake (10).
        request_timeout: for a response (30); a request's own expiration counts where it is sooner.
        answer_timeout: for our answer to a request of the peer's (30); then the peer gets 5000.
        stay_connected: a lost connection is opened again at once, so that notifications arrive. Without it the next
            request opens it.
        reopen_delay, reopen_delay_max: delay before the second attempt (0.5), doubling up to the largest (60).
        stable_after: a connection that lasted so long begins anew with the first delay (30).
        ping_after: silence after which a ping is sent (20); 0 for never.
        pong_timeout: after a ping, silence after which the connection is given up (10).
        write_timeout: the peer takes no byte for so long, and the connection is given up (30).
        close_timeout: for the peer's part in each step of the closing handshake (5).
        idle_close: a connection over which no request or response travels for so long is closed, to save power; the
            next request opens it again, and meanwhile no notification arrives. Never by default; 0 for never.
        Each is more than 0 and at most a year.

    Sizes:
        window: requests on the wire without a response (64).
        queue_requests, queue_bytes: bounds of what waits for a connection or a place in the window (1024, 8 MiB).
        max_message_size: the largest message taken, in bytes (1 MiB).
        max_fragments: the most fragments of one message taken (4096).
        fragment_size: the largest payload of one frame that is sent, in bytes (32 KiB); 0 for messages that are always
            one frame.
        max_control_frames: the most pings and pongs taken in a second (256).
        max_handshake_bytes, max_handshake_fields: the largest head of an answer to the opening handshake, or of a
            proxy's (16 384 bytes; 256 to 1 048 576), and its most fields (64; 8 to 1024).
        compression: permessage-deflate is offered: `True`, or a `Compression`. Off by default.

    Proxy:
        proxy: the HTTP proxy to go through, by CONNECT: `http://[user:password@]host[:port]`, user name and password
            percent-encoded, port 80 if there is none. `True` takes it from the environment: `http_proxy` or else
            `HTTP_PROXY` for `ws`, `https_proxy` or `HTTPS_PROXY` for `wss`, else `all_proxy` or `ALL_PROXY`; not to
            what `no_proxy` or `NO_PROXY` lists, and never to loopback. Otherwise the environment does not count.
        proxy_credentials: user name and password for the proxy, instead of those of its URL. They go to the proxy only,
            and no error or log shows them.

    Handshake:
        origin_header: the originator is sent as `X-M2M-Origin`, which some registrars need.
        headers: more header fields.
        formats: the formats offered, in order of preference, as `["cbor", "json"]`, or one of them; the registrar
            chooses. Content is a dictionary whatever it is. JSON alone by default.
        subprotocols: the names offered, instead of those of the formats (`oneM2M.json, oneM2M.R2.0.json`).
        allow_missing_subprotocol: tolerates a server that chooses none.
        strict: deviations of the peer from the standard that are tolerated otherwise are refused.

    Raises:
        ArgumentError: an argument is out of range.
        UnknownHostError, ConnectionRefusedError, OpenTimeoutError, NetworkError, HandshakeRefusedError,
        NotWebSocketError, SubprotocolError, ProxyRefusedError, ProxyAuthenticationError, NotProxyError: why there is no
        connection.
    """
    settings = dict(locals())
    del settings["point_of_access"]
    client = Client(point_of_access, settings)
    try:
        client.connect()
    except BaseException:
        client.abort()
        raise
    return client
