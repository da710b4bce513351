"""What can go wrong, as exceptions.

    OneM2MError
    ├── ArgumentError (ValueError)            an argument is out of range or malformed
    │   └── DuplicateRequestIdError           the request identifier is in use
    ├── StateError (RuntimeError)             the call does not fit the state of the object
    │   ├── ClosedError                       the client was closed
    │   ├── NotRegisteredError                register first
    │   ├── AlreadyRespondedError             a request is answered once
    │   ├── WouldDeadlockError                the call would wait for itself
    │   └── ForkError                         made before fork(), used in the child
    ├── RequestTimeoutError (TimeoutError)    no response in time
    ├── QueueFullError                        a bounded queue is full, the request was not taken
    ├── NetworkError (OSError)                another error of the operating system's network
    ├── UnknownHostError (OSError)            the name cannot be resolved
    ├── OpenTimeoutError (TimeoutError)       no connection in time
    ├── NotConnectedError (ConnectionError)   there is no connection
    ├── ConnectionRefusedError (the built-in ConnectionRefusedError)
    ├── ConnectionLostError (ConnectionError) it broke while a request waited
    ├── HandshakeRefusedError (ConnectionError)  with .status, .reason, .headers, .body
    ├── NotWebSocketError (ConnectionError)   the port speaks something else
    ├── TlsError (ConnectionError)            no TLS with the peer, or none that is allowed here
    │   ├── PeerNotTrustedError               its certificate or key is not one that is trusted here
    │   └── CredentialRefusedError            it does not accept ours, or wants one
    ├── ProxyRefusedError (ConnectionError)   the proxy opened no tunnel; with .status and so on as well
    │   └── ProxyAuthenticationError          it wants credentials, or others
    ├── NotProxyError (ConnectionError)       the proxy's port speaks something else
    ├── SubprotocolError (ConnectionError)    no serialization in common
    ├── ProtocolError (ConnectionError)       the peer broke the WebSocket protocol
    ├── MessageTooBigError (ValueError)
    ├── DecodeError (ValueError)              bytes are not what they should be
    ├── EncodeError (ValueError)              it cannot be written
    ├── ResponseError                         a response that is an error, with .response
    │   └── RegistrationRefusedError          the registrar said no
    ├── StorageError (OSError)                a file of the library's cannot be used, or is damaged
    └── InternalError (RuntimeError)          a defect of the library; please report it

A response that is not a success is returned, not raised: `Response.raise_for_status` raises it.

`outcome_unknown` of an error is true if the request was sent and no response came: it may have been carried out, and to
send it again may do it twice.
"""

from __future__ import annotations

import asyncio
import builtins
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._native import ReceivedResponse
    from .primitives import Response


class OneM2MError(Exception):
    """Every error of this package. The text says what was wrong, where, and what to do."""

    outcome_unknown: bool = False
    """True if the request was sent and no response came: it may have been carried out."""


class ArgumentError(OneM2MError, ValueError):
    """An argument is out of range or malformed."""


class DuplicateRequestIdError(ArgumentError):
    """The request identifier is already in use by a request that waits for its response."""


class StateError(OneM2MError, RuntimeError):
    """The call does not fit the state of the object."""


class ClosedError(StateError):
    """The client was closed."""


class NotRegisteredError(StateError):
    """A request other than a registration before the registration succeeded."""


class AlreadyRespondedError(StateError):
    """The request was answered already, by the program or by its time-out."""


class WouldDeadlockError(StateError):
    """The call would wait for itself."""


class ForkError(StateError):
    """The object was made before a `fork` and is used in the child process."""


if sys.version_info >= (3, 11):

    class _TimeoutBase(OneM2MError, TimeoutError):
        pass

else:  # asyncio's was a class of its own

    class _TimeoutBase(OneM2MError, TimeoutError, asyncio.TimeoutError):
        pass


class RequestTimeoutError(_TimeoutBase):
    """No response in time. Whether the request was carried out is not known if `outcome_unknown` says so."""


class OpenTimeoutError(_TimeoutBase):
    """The connection was not open in time: the peer is silent, or does not answer at all."""


class QueueFullError(OneM2MError):
    """A bounded queue is full; the request was not taken."""


class NetworkError(OneM2MError, OSError):
    """An error of the operating system's network that has no class of its own."""


class UnknownHostError(OneM2MError, OSError):
    """The host name could not be resolved."""


class NotConnectedError(OneM2MError, ConnectionError):
    """There is no connection and none is to be opened."""


class ConnectionRefusedError(OneM2MError, builtins.ConnectionRefusedError):
    """Nobody listens at the address."""


class ConnectionLostError(OneM2MError, ConnectionError):
    """The connection broke while the request waited. Whether it was carried out: see `outcome_unknown`."""


class _Refusal(OneM2MError, ConnectionError):
    status: int = 0
    reason: str = ""
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""


class HandshakeRefusedError(_Refusal):
    """The server answered the opening handshake with an HTTP error.

    `status` and `reason` are those of its answer, `headers` its fields by their names in lower case (several of one
    name are joined with a comma), `body` the beginning of its body.
    """


class ProxyRefusedError(_Refusal):
    """The proxy opened no tunnel to the server: it forbids it, or could not reach it.

    `status`, `reason`, `headers` and `body` are those of the proxy's answer, as in `HandshakeRefusedError`.
    """


class ProxyAuthenticationError(ProxyRefusedError):
    """The proxy wants credentials, or does not accept those that it got (407, or 401)."""


class NotProxyError(OneM2MError, ConnectionError):
    """What listens at the proxy's address does not answer as an HTTP proxy does."""


class NotWebSocketError(OneM2MError, ConnectionError):
    """The peer does not speak WebSocket."""


class TlsError(OneM2MError, ConnectionError):
    """No TLS with the peer: it speaks something else, or no version that is allowed here; or it broke off."""


class PeerNotTrustedError(TlsError):
    """The peer's certificate or key is not trusted: nobody that is known, another name, expired, or revoked."""


class CredentialRefusedError(TlsError):
    """The peer does not accept the certificate or key of this end, or wants one and there is none."""


class SubprotocolError(OneM2MError, ConnectionError):
    """Client and server have no subprotocol, and so no serialization, in common."""


class ProtocolError(OneM2MError, ConnectionError):
    """The peer broke the WebSocket protocol."""


class MessageTooBigError(OneM2MError, ValueError):
    """A message is larger than a limit allows."""


class DecodeError(OneM2MError, ValueError):
    """Bytes are not a primitive, or content is not what was asked for."""


class EncodeError(OneM2MError, ValueError):
    """A primitive cannot be written."""


class ResponseError(OneM2MError):
    """A response whose status is not a success; `response` is that response."""

    def __init__(self, message: str, response: Response) -> None:
        super().__init__(message)
        self.response = response

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.response)


class RegistrationRefusedError(ResponseError):
    """The registrar answered the registration with an error; `response` is its answer."""


class StorageError(OneM2MError, OSError):
    """A file of the library's cannot be opened, read or written, or is damaged; the text says which, and what to do."""


class InternalError(OneM2MError, RuntimeError):
    """A defect of the library, or a resource of the process that could not be had."""


def _from_native(
    name: str,
    message: str,
    refusal: tuple[int, str, bytes, list[tuple[str, str]]] | None,
    response: ReceivedResponse | None,
    outcome_unknown: bool = False,
) -> OneM2MError:
    """The exception for an error of the library; the native module calls this."""
    kind: type[OneM2MError] = globals().get(name, InternalError)
    if issubclass(kind, ResponseError):
        from .primitives import Response

        if response is None:
            return InternalError(message)
        return kind(message, Response._received(response))
    error: OneM2MError = kind(message)
    if outcome_unknown:
        error.outcome_unknown = True
    if refusal is not None and isinstance(error, _Refusal):
        error.status, error.reason, error.body, fields = refusal
        headers: dict[str, str] = {}
        for field, value in fields:
            key = field.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        error.headers = headers
    return error
