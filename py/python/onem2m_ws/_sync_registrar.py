"""The embedded registrar for blocking programs, `onem2m_ws.sync.Registrar`."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

from . import _native
from .errors import StateError
from .formats import Format
from .settings import Compression, _registrar_settings


class Registrar:
    """A small registrar (CSE) inside this program, to write and test AEs without another one. It is no product CSE.

    `with` starts and stops it.

    Who it is and where:
        listen: where registrees reach it, `ws://host:port`, or several of them; port 0 takes any that is free.
        point_of_access: where they reach it, if that is elsewhere (behind a proxy, or at all addresses), or several.
        allow_insecure: allows to listen at an address that others can reach, though nothing is encrypted.
        cse_id: its CSE-ID.
        cse_name: the name of its CSEBase.
        admin: the originator that needs no registration and may do everything.

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
        listen: str | Iterable[str] = "ws://127.0.0.1:9000",
        point_of_access: str | Iterable[str] = (),
        allow_insecure: bool = False,
        cse_id: str = "/id-in",
        cse_name: str = "cse-in",
        admin: str = "CAdmin",
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
        self._settings = _registrar_settings(locals())
        self._native: _native.Registrar | None = None

    def start(self) -> None:
        """Starts it: it listens when this returns. Raises `ArgumentError` or `NetworkError` if it cannot."""
        if self._native is not None:
            raise StateError("the registrar was started already")
        self._native = _native.Registrar(self._settings)

    def stop(self) -> None:
        """Stops it: closes every connection as soon as nothing under way waits on it."""
        native, self._native = self._native, None
        if native is None:
            return
        slot = _native.Slot()
        native.stop_to(slot)
        slot.wait()

    def __enter__(self) -> Registrar:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._native = None  # at once
        self.stop()

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
