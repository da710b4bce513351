"""Settings that have parts of their own, and what becomes of settings on their way to the native module."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

from .errors import ArgumentError
from .formats import _format_names
from .primitives import _json_bytes
from .tls import TLS, _native_tls


@dataclass(frozen=True)
class Compression:
    """How messages are compressed with permessage-deflate (RFC 7692), where the peer agrees.

    >>> Compression(level=9, min_size=64).send_takeover
    False
    """

    send_takeover: bool = False
    """Whether a message that is sent may refer to those before it; smaller messages, about 270 kB of memory."""
    receive_takeover: bool = False
    """Whether the peer may do so; about 45 kB of memory."""
    send_window_bits: int = 15
    """The window for sending, as a power of two: 8 to 15."""
    receive_window_bits: int = 15
    """The largest window of the peer's: 8 to 15."""
    level: int = 6
    """How hard to try: 1 (fast) to 9 (small)."""
    min_size: int = 128
    """Messages of fewer bytes are sent as they are."""


@dataclass(frozen=True)
class Outbox:
    """How much `Client.post` accepts before it is delivered, and how that is delivered.

    >>> Outbox(when_full="drop_oldest").requests
    1024
    """

    requests: int = 1024
    """Most requests at a time: 1 to 1 000 000."""
    bytes: int = 8 << 20
    """Their size in memory, about."""
    when_full: str = "refuse"
    """What becomes of one more: `"refuse"` raises `QueueFullError`, `"drop_oldest"` makes room, and an event tells."""
    lifetime: float = 86400.0
    """How long a request is kept that has no expiration of its own, in seconds: more than 0, at most a year."""
    rate: float | None = None
    """Most requests that are sent in a second: more than 0. `None`: as fast as they are answered."""
    window: int = 1
    """Requests under way at a time: 1 to 256. With 1 their order holds also where one has to be sent again."""
    repeat: str = "all"
    """Which requests are sent again when it is not known whether they were carried out, as `repeat` of `connect`."""


class Upstream:
    """The registrar of a `Registrar` that is an MN-CSE: where it is, and how this CSE is known there.

    Args:
        point_of_access: where it is reached, `ws://host[:port]`.
        cse_id: its CSE-ID, as `/id-in`.
        below: the address of its CSEBase, if it does not understand `-`; often `cse-in`.
        attributes: any attributes of the `<remoteCSE>` by their short names. Its `poa` is where this CSE listens.
        check_every: seconds after which it is looked whether the registration is still there, besides each opening of
            the connection (60); 0 for never. At most a year.
        connection: arguments of `connect` that are about the connection, as `preset`, `tls`, `proxy` or
            `reopen_delay`.

    >>> Upstream("ws://in.example:9000", "/id-in", below="cse-in", reopen_delay=1.0)
    <Upstream /id-in at ws://in.example:9000>
    """

    def __init__(
        self,
        point_of_access: str,
        cse_id: str,
        *,
        below: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        check_every: float | None = None,
        **connection: Any,
    ) -> None:
        from ._connect import connect

        defaults = {name: p.default for name, p in inspect.signature(connect).parameters.items()}
        for name in connection:
            if name not in defaults or name in _NOT_UPSTREAM:
                raise ArgumentError(f"upstream: {name} is no argument of connect, or the registrar's own matter")
        del defaults["point_of_access"], defaults["open_now"]
        self.point_of_access = point_of_access
        self.cse_id = cse_id
        self._fields = (
            point_of_access,
            cse_id,
            below,
            _json_bytes("attributes", attributes or {}),
            check_every,
            _native_settings({**defaults, **connection}),
        )

    def __repr__(self) -> str:
        return f"<Upstream {self.cse_id} at {self.point_of_access}>"


#: Who the CSE is, and what it sends, is decided by the registrar.
_NOT_UPSTREAM = {
    "accepts",
    "keep_registered",
    "open_now",
    "originator",
    "outbox",
    "outbox_file",
    "patient",
    "point_of_access",
    "registered",
    "state_file",
}


def _native_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `connect` as the native module takes them. No error shows what may be a password."""
    native = dict(settings)
    headers = native["headers"]
    native["headers"] = list(headers.items() if isinstance(headers, Mapping) else headers)
    native["compression"] = _native_compression(native["compression"])
    native["formats"] = _format_names(native["formats"])
    native["tls"] = _native_tls(native["tls"])
    outbox = native["outbox"]
    if outbox is not None and not isinstance(outbox, Outbox):
        raise ArgumentError(f"outbox is an Outbox or None, not {outbox!r}")
    native["outbox"] = None if outbox is None else astuple(outbox)
    schedule = native["schedule"]
    native["schedule"] = [schedule] if isinstance(schedule, str) else list(schedule or ())
    proxy = native["proxy"]
    if proxy is not None and not isinstance(proxy, (str, bool)):
        raise ArgumentError(f"proxy is text, True or None, not of type {type(proxy).__name__}")
    native["proxy_from_environment"] = proxy is True
    native["proxy"] = proxy if isinstance(proxy, str) else None
    for name in ("proxy_credentials", "basic"):
        native[name] = _pair(name, native[name])
    bearer = native["bearer"]
    if bearer is not None and not isinstance(bearer, str):
        raise ArgumentError("bearer is a text: the token")
    if bearer is not None and native["basic"] is not None:
        raise ArgumentError("bearer besides basic: the registrar is told one of them")
    return native


def _pair(name: str, credentials: Any) -> tuple[str, str] | None:
    """User name and password."""
    if credentials is None:
        return None
    if (
        not isinstance(credentials, (tuple, list))
        or len(credentials) != 2
        or not all(isinstance(part, str) for part in credentials)
    ):
        raise ArgumentError(f"{name} is a pair of texts: user name and password")
    return credentials[0], credentials[1]


def _native_compression(compression: Any) -> tuple[Any, ...] | None:
    if isinstance(compression, bool):
        compression = Compression() if compression else None
    elif not isinstance(compression, Compression):
        raise ArgumentError(f"compression is True, False or a Compression, not {compression!r}")
    return None if compression is None else astuple(compression)


def _registrar_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a `Registrar` as the native module takes them."""
    native = {name: value for name, value in settings.items() if name not in ("self", "__class__")}
    native["tls"] = _native_tls(native["tls"])
    native["listen"] = _native_listen(native["listen"])
    for name in ("point_of_access", "paths", "allow_origins"):
        value = native[name]
        native[name] = [value] if isinstance(value, str) else list(value)
    native["compression"] = _native_compression(native["compression"])
    native["formats"] = _format_names(native["formats"])
    upstream = native["upstream"]
    if upstream is not None and not isinstance(upstream, Upstream):
        raise ArgumentError(f"upstream is an Upstream or None, not {upstream!r}")
    native["upstream"] = None if upstream is None else upstream._fields
    for name in ("users", "tokens"):
        accounts = native[name] if native[name] is not None else {}
        if not isinstance(accounts, Mapping) or not all(isinstance(t, str) for pair in accounts.items() for t in pair):
            raise ArgumentError(f"{name} is a dictionary of texts by name")
        native[name] = list(accounts.items())
    if not native["users"] and not native["tokens"] and (settings["users"], settings["tokens"]) != (None, None):
        raise ArgumentError("users and tokens have nobody in them: then nobody could connect")
    return native


def _native_listen(listen: Any) -> list[tuple[str, dict[str, Any] | None]]:
    """Each place with the TLS settings of its own, if it has any."""
    places: list[tuple[str, dict[str, Any] | None]] = []
    for place in [listen] if isinstance(listen, str) else listen:
        if isinstance(place, str):
            places.append((place, None))
        elif isinstance(place, tuple) and len(place) == 2 and isinstance(place[0], str):
            places.append((place[0], _native_tls(place[1])))
        else:
            hint = 'listen=[("wss://127.0.0.1:9443", TLS(...))]' if isinstance(place, TLS) else "text"
            raise ArgumentError(f"listen: a place is {hint}, not of type {type(place).__name__}")
    return places
