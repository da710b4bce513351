"""`onem2m_ws.connect`: a connection to be, for asyncio."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from types import TracebackType
from typing import Any

from .client import Client
from .formats import Format
from .settings import Compression, Outbox
from .tls import TLS


class Connecting:
    """A connection to be: `await` it, or enter it with `async with`, which closes it in the end."""

    def __init__(self, point_of_access: str, settings: dict[str, Any]) -> None:
        self._point_of_access = point_of_access
        self._settings = settings
        self._client: Client | None = None

    def __await__(self) -> Generator[Any, None, Client]:
        return self._open().__await__()

    async def _open(self) -> Client:
        settings = dict(self._settings)
        open_now = settings.pop("open_now")
        client = Client(self._point_of_access, settings)
        try:
            if open_now:
                await client.connect()
        except BaseException:
            client.abort()
            raise
        return client

    async def __aenter__(self) -> Client:
        self._client = await self._open()
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.__aexit__(kind, error, traceback)


def connect(
    point_of_access: str,
    *,
    originator: str | None = None,
    registered: bool = False,
    preset: str = "default",
    keep_registered: bool = True,
    state_file: str | os.PathLike[str] | None = None,
    open_now: bool = True,
    patient: bool = False,
    stay_connected: bool = True,
    reopen_delay: float | None = None,
    reopen_delay_max: float | None = None,
    stable_after: float | None = None,
    idle_close: float | None = None,
    message_gap: float | None = None,
    schedule: str | Iterable[str] | None = None,
    outside_window: str = "open",
    repeat: str = "never",
    outbox: Outbox | None = None,
    outbox_file: str | os.PathLike[str] | None = None,
    open_timeout: float | None = None,
    request_timeout: float | None = None,
    answer_timeout: float | None = None,
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
    compression: bool | Compression = False,
    tls: TLS | None = None,
    proxy: str | bool | None = None,
    proxy_credentials: tuple[str, str] | None = None,
    basic: tuple[str, str] | None = None,
    bearer: str | None = None,
    accepts: str = "all",
    release_version: str | None = None,
    origin_header: bool = True,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    formats: Format | str | Iterable[Format | str] | None = None,
    subprotocols: Iterable[str] | None = None,
    allow_missing_subprotocol: bool = False,
    strict: bool = False,
) -> Connecting:
    """Connects to the registrar at `point_of_access`, `ws://host[:port]` or `wss://host[:port]`.

    To be awaited, or entered with `async with`.

    Who we are:
        originator: the AE-ID (`Cname`, `Sname`) or CSE-ID (`/id`) that requests come from. Without one, or with `C` or
            `S`, the registrar assigns an AE-ID at registration.
        registered: the originator is registered already, or needs no registration. Otherwise everything but a
            registration is refused until it succeeded.
        keep_registered: the registration is renewed before it lapses; when the connection is open again, the registrar
            is asked whether it still knows us, and if it does not, we are registered again. `on_event` tells.
        state_file: a file in which the client keeps who we are, made if it does not exist. A program that is started
            anew goes on with its registration: `register_ae` then only asks whether the registrar still knows us. One
            file is for one entity at one registrar, and one process at a time. None by default.
        preset: `"acme"` sets what the ACME CSE asks for; other arguments hold against it.
        release_version: the release (`rvi`) of requests that name none, `"3"` by default; `""` for Release 1.
        accepts: which requests are taken: `"all"`, `"notifications"` or `"nothing"`; others are answered 4005.

    When there is a connection:
        open_now: `connect` opens it. Without it the first request does, or `Client.connect`: for programs that are to
            work, and post, while the registrar cannot be reached.
        patient: `connect` goes on trying until the connection is open, or trying again is pointless. Without it the
            first attempt that fails is raised.
        stay_connected: a lost connection is opened again at once, so that notifications arrive. Without it the next
            request opens it.
        reopen_delay, reopen_delay_max: delay before the second attempt (0.5 s), doubling up to the largest (60 s); each
            is a random part of it, so that those who lost their connections together do not come back together.
        stable_after: a connection that lasted so long begins anew with the first delay (30 s).
        idle_close: a connection over which no request or response travels for so long is closed, to save power; the
            next request opens it again, and meanwhile no notification arrives. Never by default; 0 for never.
        message_gap: so much time is left between two messages of which the first is not known to have been read, for
            a registrar that mixes up what comes right behind one another. None by default; the ACME preset has 50 ms.
        schedule: when we are reachable, as the `scheduleEntries` of the standard, one or up to 32. `"* 0-9 8,20 * * *"`
            is ten minutes from 8 and 20 o'clock UTC: second, minute, hour, day, month, day of week (0 is Sunday), and a
            year if there is one; each `*`, `*/n`, or numbers and ranges with commas. The connection is opened when such
            a time begins, and closed at its end when nothing is pending. Always by default. The registrar hears of it
            by a `<schedule>` resource below the AE.
        outside_window: what a request does outside of these times: `"open"` opens the connection, `"hold"` waits for
            the next one.

    What is sent again, and later:
        repeat: which requests are sent again with the same identifier if the connection broke before the response came:
            `"never"`, `"retrieve"` (those that change nothing), `"idempotent"` (RETRIEVE, UPDATE, DELETE) or `"all"`.
            Of the others `outcome_unknown` is true.
        outbox: how much `Client.post` accepts, and how it is delivered: an `Outbox`.
        outbox_file: a file that keeps what was posted, made if it does not exist: what was accepted survives a crash,
            and the next run delivers it. One file is for one client, and one process at a time. None by default.

    Time, in seconds:
        open_timeout: for opening a connection: name, TCP, proxy, TLS, handshake (10).
        request_timeout: for a response (30); a request's own expiration counts where it is sooner.
        answer_timeout: for our answer to a request of the peer's (30); then the peer gets 5000.
        ping_after: silence after which a ping is sent (20); 0 for never.
        pong_timeout: after a ping, silence after which the connection is given up (10).
        write_timeout: the peer takes no byte for so long, and the connection is given up (30).
        close_timeout: for the peer's part in each step of the closing handshake (5).
        These, and all times above, are more than 0 and at most a year.

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

    TLS:
        tls: for a `wss://` address, which needs it: our certificate, and whom we trust, as
            `TLS(cert="ae.pem", key="ae.key", ca="ca.pem")`.

    Proxy:
        proxy: the HTTP proxy to go through, by CONNECT: `http://[user:password@]host[:port]`, user name and password
            percent-encoded, port 80 if there is none. `True` takes it from the environment: `http_proxy` or else
            `HTTP_PROXY` for `ws`, `https_proxy` or `HTTPS_PROXY` for `wss`, else `all_proxy` or `ALL_PROXY`; not to
            what `no_proxy` or `NO_PROXY` lists, and never to loopback. Otherwise the environment does not count.
        proxy_credentials: user name and password for the proxy, instead of those of its URL. They go to the proxy only,
            and no error or log shows them.

    Credentials for the registrar, which go to it only, in the handshake, and which no error or log shows; without TLS
    they can be read on the way:
        basic: user name and password (RFC 7617). ACME takes them with its `enableBasicAuth`.
        bearer: a token (RFC 6750), instead.

    Handshake:
        origin_header: the originator is sent as `X-M2M-Origin`, which some registrars need.
        headers: more header fields.
        formats: the formats offered, in order of preference, as `["cbor", "json"]`, or one of them; the registrar
            chooses. Content is a dictionary whatever it is. JSON alone by default.
        subprotocols: the names offered, instead of those of the formats (`oneM2M.json, oneM2M.R2.0.json`).
        allow_missing_subprotocol: tolerates a server that chooses none.
        strict: deviations of the peer from the standard that are tolerated otherwise are refused.

    Raises:
        ArgumentError: an argument is out of range, or a file of `tls` cannot be used.
        StorageError: a file cannot be used, or is in use.
        UnknownHostError, ConnectionRefusedError, OpenTimeoutError, NetworkError, HandshakeRefusedError,
        NotWebSocketError, SubprotocolError, ProxyRefusedError, ProxyAuthenticationError, NotProxyError, TlsError,
        PeerNotTrustedError, CredentialRefusedError: why there is no connection.
    """
    settings = dict(locals())
    del settings["point_of_access"]
    return Connecting(point_of_access, settings)
