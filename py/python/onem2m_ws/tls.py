"""TLS: what an end shows, whom it trusts, and who is at the other end.

    onem2m_ws.connect("wss://in.sp.example", tls=TLS(cert="ae.pem", key="ae.key", ca="ca.pem"), ...)

An address that begins with `wss://` has TLS, and needs a `TLS` that says at least which server is to be trusted; one
that begins with `ws://` has none.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from typing import Any, Union

from .errors import ArgumentError
from .primitives import _time

Pem = Union[str, "os.PathLike[str]", bytes]
"""PEM: the path of a file (text, or a `pathlib.Path`), which can be read anew later, or its content as bytes."""

#: Those that take one or several of them.
_FILES = ("ca", "crl")
_FILE = ("cert", "key", "raw_key", "psk_file")
_TEXTS = ("trust_keys", "uri_schemes")
_TABLES = ("peers", "ca_for")
_FLAGS = ("trust_system", "anonymous_clients", "ts0003_suites")


@dataclass(frozen=True, repr=False)
class TLS:
    """How an end does TLS: for `connect(tls=...)`, for `Upstream(..., tls=...)` and for `Registrar(tls=...)`.

    Both ends show a certificate and check the other's (mutual TLS, which the standard asks for); nobody is trusted who
    is not named here. Files are read when the client or registrar is made, and again by its `reload_tls`. Whatever
    holds PEM may be a path, or the PEM itself as `bytes`. A `repr` shows paths, but never what was given as bytes.

    >>> TLS(cert="ae.pem", key="ae.key", ca="ca.pem")
    TLS(cert='ae.pem', key='ae.key', ca='ca.pem')
    >>> TLS(cert=b"-----BEGIN CERTIFICATE-----...", key=b"-----BEGIN PRIVATE KEY-----...", ca="ca.pem")
    TLS(cert=<PEM>, key=<PEM>, ca='ca.pem')
    """

    cert: Pem | None = None
    """The certificate of this end, with what stands between it and its authority behind it."""
    key: Pem | None = None
    """Its private key, not encrypted. `None`: it is in the same PEM as the certificate."""
    ca: Pem | Iterable[Pem] = ()
    """The authorities whose certificates are trusted, one PEM or several."""
    crl: Pem | Iterable[Pem] = ()
    """Lists of certificates that are revoked. With one, there must be one of each authority: a certificate of whose
    state nothing is known is refused."""
    raw_key: Pem | None = None
    """Instead of a certificate: a private key whose public key the peers know (RFC 7250; TLS 1.3 only)."""
    trust_keys: str | Iterable[str] = ()
    """Raw public keys that are trusted, by their digests, `"ni:///sha-256;..."`. A client trusts these or a `ca`."""
    peers: Mapping[str, str | Iterable[str]] | None = None
    """For a registrar: which entities speak with a credential that does not name them itself, by a name of it as
    `PeerIdentity.names` shows it: `{"DNS:node7.sp.example": ["Cpump", "Cvalve"]}`. It holds over what a certificate
    says."""
    server_name: str | None = None
    """For a client: the name that the server's certificate must have, instead of the host of the address."""
    min_version: str = "1.2"
    """The oldest version of TLS that is spoken: `"1.2"` or `"1.3"`."""
    max_version: str = "1.3"
    """The newest."""
    trust_system: bool = False
    """For a client: trusts the authorities of the system, too: whoever has a name in the web can be the registrar then.
    """
    uri_schemes: str | Iterable[str] = ()
    """For a registrar: takes the AE-ID in a certificate behind these schemes, too: `"m2m"` for
    `m2m://sp.example/Cpump`."""
    unnamed: str = "refuse"
    """For a registrar: what becomes of a client whose certificate is trusted but names no entity. `"refuse"`: it gets
    no connection. `"first-come"`: it speaks for what it registers; each entity belongs to the key that registered
    it."""
    anonymous_clients: bool = False
    """For a registrar: takes clients without a certificate, too; such a client is what one without TLS is."""
    ca_for: Mapping[Pem, str | Iterable[str]] | None = None
    """For a registrar: authorities that are trusted for entities of these service providers only:
    `{"ca2.pem": ["sp.example"]}`."""
    psk: Mapping[str, bytes] | None = None
    """Instead of certificates: keys of 16 to 64 random bytes that one client and one server have in common, by their
    identifiers: `{"7f3a@mef.sp.example": key}`. A client has one. Like all below it needs a build with OpenSSL:
    `pip install ./py --config-settings build-args="--features openssl"`."""
    psk_file: Pem | None = None
    """The same in a file that `reload_tls` reads anew: an identifier, a colon and the key in hexadecimal digits in each
    line; what begins with `#` is left out."""
    ts0003_suites: bool = False
    """Speaks, after all better ones, those suites of TLS 1.2 too that TS-0003 makes mandatory (with CBC)."""
    library: str = "rustls"
    """What TLS is done by: `"rustls"` or `"openssl"`; the latter in any case for what the former cannot do."""

    def __post_init__(self) -> None:
        for name in _FILE:
            source = getattr(self, name)
            if source is not None:
                self._keep(name, _pem(name, source))
        for name in _FILES:
            self._keep(name, tuple(_pem(name, source) for source in _several(name, getattr(self, name))))
        for name in _TEXTS:
            self._keep(name, tuple(_text(name, text) for text in _several(name, getattr(self, name))))
        for name in _TABLES:
            table = getattr(self, name)
            if table is not None:
                self._keep(name, _table(name, table))
        if self.psk is not None:
            self._keep("psk", _keys(self.psk))
        for name in ("min_version", "max_version", "unnamed", "library"):
            _text(name, getattr(self, name))
        if self.server_name is not None:
            _text("server_name", self.server_name)
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"tls: {name} is True or False, not of type {type(getattr(self, name)).__name__}")

    def _keep(self, name: str, value: object) -> None:
        # What was given may be changed by its owner, or be read only once.
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        shown = []
        for field in fields(self):
            value = getattr(self, field.name)
            default = None if field.default is MISSING else field.default
            if value != default:
                shown.append(f"{field.name}={_shown(value) if field.name != 'psk' else _without_keys(value)}")
        return f"TLS({', '.join(shown)})"

    def _fields(self) -> dict[str, Any]:
        """As the native module takes it."""
        native = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in (*_TABLES, "psk"):
            native[name] = list((native[name] or {}).items())
        return native


def _pem(name: str, source: object) -> object:
    if isinstance(source, bytes):
        return source
    if isinstance(source, os.PathLike):
        return os.fsdecode(source)
    if not isinstance(source, str):
        raise TypeError(f"tls: {name} is a path, or PEM as bytes, not of type {type(source).__name__}")
    if "-----BEGIN" in source:
        # It is not shown: it may be a private key.
        raise ArgumentError(f"tls: {name}: text is the path of a file; give PEM itself as bytes, as by .encode()")
    return source


def _text(name: str, text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"tls: {name} is text, not of type {type(text).__name__}")
    return text


def _several(name: str, values: object) -> Iterable[object]:
    """One, or those in it."""
    if isinstance(values, (str, bytes, os.PathLike)):
        return (values,)
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise TypeError(f"tls: {name} is one or a list of them, not of type {type(values).__name__}")
    return values


def _table(name: str, table: object) -> dict[object, tuple[str, ...]]:
    if not isinstance(table, Mapping):
        raise TypeError(f"tls: {name} is a dict, not of type {type(table).__name__}")
    key = _pem if name == "ca_for" else _text
    return {key(name, one): tuple(_text(name, text) for text in _several(name, table[one])) for one in table}


def _keys(keys: object) -> dict[str, bytes]:
    if not isinstance(keys, Mapping):
        raise TypeError(f"tls: psk is a dict from identifiers to keys, not of type {type(keys).__name__}")
    for key in keys.values():
        if not isinstance(key, bytes):
            raise TypeError(f"tls: psk: a key is bytes, not of type {type(key).__name__}")
    return {_text("psk", name): key for name, key in keys.items()}


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return "<PEM>"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_shown(key)}: {_shown(part)}" for key, part in value.items()) + "}"
    if isinstance(value, tuple):
        shown = [_shown(part) for part in value]
        return shown[0] if len(shown) == 1 else "[" + ", ".join(shown) + "]"
    return repr(value)


def _without_keys(keys: Mapping[str, bytes]) -> str:
    return "{" + ", ".join(f"{name!r}: <key>" for name in keys) + "}"


def _native_tls(tls: object) -> dict[str, Any] | None:
    """The settings as the native module takes them."""
    if tls is None:
        return None
    if isinstance(tls, TLS):
        return tls._fields()
    kind = type(tls)
    if any(base.__name__ == "SSLContext" for base in kind.__mro__):
        what = "an ssl.SSLContext: the library does not use Python's ssl; say the same as"
    elif isinstance(tls, bool):
        what = f"{tls}: it has to be said who is to be trusted, as"
    elif isinstance(tls, Mapping):
        what = "a dict; write"
    else:
        # Not what it is: that may be a key.
        what = f"of type {kind.__name__}; write"
    raise TypeError(f'tls is an onem2m_ws.TLS or None, not {what} TLS(cert="ae.pem", key="ae.key", ca="ca.pem")')


@dataclass(frozen=True)
class PeerIdentity:
    """Who is at the other end of a connection, by the credential that was accepted. It holds no secret."""

    framework: str
    """By what: `"certificate"`, `"raw-public-key"` or `"pre-shared-key"`."""
    principal: str
    """The one name of the credential; two connections with the same one have the same peer."""
    names: tuple[str, ...]
    """The names in the credential: `"DNS:in.sp.example"`, `"URI://sp.example/Cpump"`, `"IP:..."`, `"ID:..."` of a
    certificate, or `"ni:///sha-256;..."` of a raw public key."""
    entities: tuple[str, ...] | None
    """The entities that speak with it, as `//sp.example/Cpump`; `None` if that is not said, as of a registrar."""
    not_after: datetime | None
    """When the credential ends, in UTC."""


def _identity(
    native: tuple[str, str, list[str], list[str] | None, float | None] | None,
) -> PeerIdentity | None:
    if native is None:
        return None
    framework, principal, names, entities, end = native
    return PeerIdentity(
        framework,
        principal,
        tuple(names),
        None if entities is None else tuple(entities),
        None if end is None else _time(end),
    )
