"""The embedded registrar for blocking programs, `onem2m_ws.sync.Registrar`."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Callable, TypeVar

from . import _native
from ._base import connection_log
from ._registrar_base import RegistrarBase
from ._worker import Worker
from .errors import ClosedError, ForkError
from .events import RegistrarEvent
from .formats import Format
from .settings import Compression, Upstream
from .tls import TLS

E = TypeVar("E", bound=Callable[[RegistrarEvent], None])


def _receive(deliveries: _native.Queue, reference: weakref.ref[Registrar]) -> None:
    """Tells of what happens to registrees, until the registrar has stopped."""
    while True:
        try:
            batch = deliveries.wait(60.0)
        except (ClosedError, ForkError):  # the interpreter ends
            return
        registrar = reference()
        if registrar is None or not (batch or registrar._native):
            return
        for kind, _, payload in batch:
            if kind != _native.EVENT:
                return
            if payload is not None:
                registrar._route_event(payload)
        del registrar  # nothing is kept while it waits


class Registrar(RegistrarBase):
    """A small registrar (CSE) inside this program, to write and test AEs without another one. It is no product CSE.

    `with` starts and stops it.

    Who it is and where:
        listen: where registrees reach it, `ws://host:port` or `wss://host:port`, or several of them; port 0 takes any
            that is free. `("wss://host:port", TLS(...))` is a place with TLS settings of its own.
        tls: TLS at the `wss://` places, which need it: its certificate, and which clients it trusts, as
            `TLS(cert="in.pem", key="in.key", ca="ca.pem")`. A certificate names the AE or CSE that speaks with it.
        point_of_access: where they reach it, if that is elsewhere (behind a proxy, or at all addresses), or several.
        allow_insecure: allows to listen at an address that others can reach, though nothing is encrypted.
        cse_id: its CSE-ID.
        cse_name: the name of its CSEBase.
        admin: the originator that needs no registration and may do everything.
        sp_id: the identifier of the service provider, as `//sp.example`.
        upstream: its own registrar, an `Upstream`: it is an MN-CSE then. It registers there, and what is for the
            registrar, or for somebody behind it, goes there; notifications wait while it is away. None by default.

    Who may connect, by credentials in the handshake; with one of these everybody else is answered 401, and no error or
    log shows a password or token:
        users: passwords by user name (Basic).
        tokens: tokens by the name of who has them (Bearer).

    What it keeps:
        store: a file in which it keeps resources, registrations and notifications, made if it does not exist: what was
            answered with success is there after a crash. In memory by default. One file is for one registrar, and one
            process at a time.
        notification_age: seconds that a notification without an expiration of its own waits at most (a day).
        result_persistence: seconds that the result of a non-blocking request is kept whose originator does not say how
            long (300).
        delivery_window: stored notifications of one registree under way at a time (1; at most 256). So many at most
            come twice after a crash or a lost connection; more are faster where the way is long.

    Who speaks for an entity:
        take_over: what a newcomer meets that speaks for an entity whose connection is open. `"probe"`: that is asked
            for a sign of life, and gives way if it has none. `"refuse"`: the newcomer is closed. `"newest"`: the
            newcomer takes its place at once; **unsafe**, since whoever can connect takes any entity's notifications.
        flapping: how many take-overs of an entity within how many seconds are in order, `(15, 60.0)` by default; beyond
            that `events.Flapping` is told.

    Who may connect, and how:
        paths: the paths that are served, as `/` or `/onem2m`; others are answered 404. By default every path is.
        allow_origins: the web pages that may connect, as `https://app.example`; others are answered 403. None by
            default.
        formats: the formats spoken, as `["json", "cbor"]`, or one; each registree chooses. All three by default.
        stray_subprotocols: takes the subprotocol names of older texts, as `oneM2M-pro-v1.0`.
        compression: permessage-deflate is taken: `True`, or a `Compression`. Off by default.
        strict: deviations of registrees from the standard that are tolerated otherwise are refused.

    Sizes:
        max_connections: the most connections at a time (10 000); one more is answered 503.
        max_half_open, max_half_open_per_address: the most connections whose handshake is not done, in total (1024) and
            from one address (128); one more is answered 503.
        max_handshake_bytes, max_handshake_fields: the largest opening handshake (16 384 bytes; 256 to 1 048 576), and
            its most fields (64; 8 to 1024); a larger one is answered 431.
        max_message_size: the largest message taken, in bytes (1 MiB).
        max_fragments: the most fragments of one message taken (4096).
        fragment_size: the largest payload of one frame that is sent, in bytes (32 KiB); 0 for messages that are always
            one frame.
        max_control_frames: the most pings and pongs taken in a second (256).

    Time, in seconds:
        handshake_timeout: for an opening handshake, from the accept on (10).
        request_timeout: for the response of a registree (30).
        answer_timeout: for our answer to a request (30); then the registree gets 5000.
        ping_after: silence after which a ping is sent (20); 0 for never.
        pong_timeout: after a ping, silence after which the connection is given up (10).
        write_timeout: the registree takes no byte for so long, and the connection is given up (30).
        close_timeout: for the registree's part in each step of the closing handshake (5).
        idle_close: a connection over which no request or response travels for so long is closed. Never by default; 0
            for never.
        Each is more than 0 and at most a year.
    """

    def __init__(
        self,
        *,
        listen: str | Iterable[str | tuple[str, TLS]] = "ws://127.0.0.1:9000",
        tls: TLS | None = None,
        point_of_access: str | Iterable[str] = (),
        allow_insecure: bool = False,
        cse_id: str = "/id-in",
        cse_name: str = "cse-in",
        admin: str = "CAdmin",
        users: Mapping[str, str] | None = None,
        tokens: Mapping[str, str] | None = None,
        sp_id: str | None = None,
        upstream: Upstream | None = None,
        store: str | os.PathLike[str] | None = None,
        notification_age: float | None = None,
        result_persistence: float | None = None,
        delivery_window: int | None = None,
        take_over: str = "probe",
        flapping: tuple[int, float] | None = None,
        paths: str | Iterable[str] = (),
        allow_origins: str | Iterable[str] = (),
        formats: Format | str | Iterable[Format | str] | None = None,
        stray_subprotocols: bool = False,
        compression: bool | Compression = False,
        strict: bool = False,
        max_connections: int | None = None,
        max_half_open: int | None = None,
        max_half_open_per_address: int | None = None,
        max_handshake_bytes: int | None = None,
        max_handshake_fields: int | None = None,
        max_message_size: int | None = None,
        max_fragments: int | None = None,
        fragment_size: int | None = None,
        max_control_frames: int | None = None,
        handshake_timeout: float | None = None,
        request_timeout: float | None = None,
        answer_timeout: float | None = None,
        ping_after: float | None = None,
        pong_timeout: float | None = None,
        write_timeout: float | None = None,
        close_timeout: float | None = None,
        idle_close: float | None = None,
    ) -> None:
        settings = dict(locals())
        super().__init__(settings)
        self._worker = Worker()
        self._deliveries: _native.Queue | None = None

    def start(self) -> None:
        """Starts it: it listens when this returns. Raises `ArgumentError`, `NetworkError` or `StorageError` if not."""
        deliveries = _native.Queue(0)
        self._begin(deliveries, 0)
        self._deliveries = deliveries
        # It does not hold the registrar, which stops when the program forgets it.
        threading.Thread(
            target=_receive, args=(deliveries, weakref.ref(self)), name="onem2m-ws registrar", daemon=True
        ).start()

    def stop(self) -> None:
        """Stops it: closes every connection as soon as nothing under way waits on it."""
        native, self._native = self._native, None
        if native is None or self._deliveries is None:
            return
        slot = _native.Slot()
        native.stop_to(slot)
        slot.wait()
        native.stop(self._deliveries, 0)  # it has stopped: this tells the thread

    def __enter__(self) -> Registrar:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._native = None  # at once
        self.stop()

    def on_event(self, handler: E) -> E:
        """Has `handler` called when something happens to a registree. Usable as a decorator.

        Events are classes in `onem2m_ws.events`; one tells how it stands with its own registrar. Those that came before
        there was a handler come now, the latest 256 of them.
        """
        self._telling.set_handler(handler, self._tell)
        return handler

    def _tell(self, callback: Callable[[Any], Any], what: RegistrarEvent) -> None:
        def work() -> None:
            try:
                callback(what)
            except BaseException:  # also what would end the thread
                connection_log.exception("the handler of %s failed", type(what).__name__)

        self._worker.run(work)
