"""What happens to a client besides requests and its connection, and to the registrees of a registrar.

`Client.on_event` tells:

    RegistrationConfirmed     the registrar still knows us
    RegistrationRenewed       the registration lasts longer
    RegisteredAgain           the registrar had forgotten us: what was below our resource is gone
    RegistrationFailed        it could not be checked, renewed or made again; it is tried again
    Delivered                 a posted request was answered, or was given up
    StorageFailed             what the next run is to know could not be written

`Registrar.on_event` tells:

    Registered, Deregistered  a registration began, or ended
    Reachable, Unreachable    the entity has a connection, or has none any more
    TakenOver                 the entity is reached over another connection than before
    NewcomerRefused           somebody spoke for an entity whose connection lives
    Flapping                  an entity is taken over too often
    SecurityAlert             somebody spoke for an entity that belongs to another credential
    TlsRefused                somebody got no connection: TLS failed
    RequestExpired            a stored request was not fetched in time
    RequestGivenUp            a stored request will not be sent any more
    UpstreamState             how an MN-CSE stands with its registrar
    Missed                    events that were not kept
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, Union, get_args

from .primitives import Response, _time

connection_log = logging.getLogger("onem2m_ws.connection")
request_log = logging.getLogger("onem2m_ws.requests")


@dataclass(frozen=True)
class RegistrationConfirmed:
    """The registrar confirmed that the registration is still in force: after a reopening, or in a new run."""

    until: datetime | None
    """When it lapses if it is not renewed, in UTC; `None` if the registrar does not say."""


@dataclass(frozen=True)
class RegistrationRenewed:
    """The registration was renewed before it lapsed."""

    until: datetime
    """When it lapses if it is not renewed again, in UTC; it will be."""


@dataclass(frozen=True)
class RegisteredAgain:
    """The registrar had forgotten us, and we are registered again.

    Containers and subscriptions below our resource are gone: make them again.
    """

    entity: str
    """The AE-ID or CSE-ID, as the registrar gave it."""


@dataclass(frozen=True)
class RegistrationFailed:
    """The registration could not be checked, renewed or made again. It is tried again after a while."""

    error: Exception
    """Why; `response` of a `RegistrationRefusedError` has the registrar's status and its text."""


@dataclass(frozen=True)
class Delivered:
    """A posted request has left the outbox: it has a response, whatever its status, or an error."""

    request_id: str
    """What `Client.post` returned."""
    response: Response | None
    """The response."""
    error: Exception | None
    """Why there is none: `QueueFullError` if it made room for a newer one, `RequestTimeoutError` if it expired,
    `ConnectionLostError` with an unknown outcome if it may not be repeated, `EncodeError`, `ClosedError`."""

    @property
    def ok(self) -> bool:
        """True if it was carried out: the response is a success."""
        return self.response is not None and self.response.ok


@dataclass(frozen=True)
class StorageFailed:
    """What the next run is to know could not be written to its file."""

    error: Exception
    """Why; its text names the file."""


@dataclass(frozen=True)
class Registered:
    """A registration succeeded."""

    entity: str
    """Who: the shortest form of the AE-ID or CSE-ID."""


@dataclass(frozen=True)
class Deregistered:
    """A registration has ended; nothing is routed to the entity any more."""

    entity: str
    """Who."""


@dataclass(frozen=True)
class Reachable:
    """The entity was offline and has a connection now; what waits for it is sent."""

    entity: str
    """Who."""


@dataclass(frozen=True)
class Unreachable:
    """The entity is offline. Notifications for it wait until it comes back."""

    entity: str
    """Who."""
    cause: str
    """How its connection ended."""


@dataclass(frozen=True)
class TakenOver:
    """The entity is reached over another connection than before, and was not offline between."""

    entity: str
    """Who."""


@dataclass(frozen=True)
class NewcomerRefused:
    """Somebody spoke for an entity whose connection lives, and was closed for it."""

    entity: str
    """For whom."""
    peer: str | None
    """Whence, as `address:port`; `None` if it has gone meanwhile."""


@dataclass(frozen=True)
class Flapping:
    """An entity is taken over so often that two programs seem to be it. Nobody is banned for it."""

    entity: str
    """Who."""
    count: int
    """Take-overs within the time that `flapping` says."""


@dataclass(frozen=True)
class SecurityAlert:
    """Somebody spoke for an entity that belongs to another credential, and was refused."""

    entity: str
    """For whom."""
    peer: str | None
    """Whence, as `address:port`."""


@dataclass(frozen=True)
class TlsRefused:
    """Somebody got no connection because TLS failed: mostly a certificate or key that is not trusted here.

    At most 16 of them are told in a second.
    """

    peer: str
    """Whence, as `address:port`."""
    why: str
    """Why."""


@dataclass(frozen=True)
class RequestExpired:
    """A request that was accepted for an entity expired before the entity came to take it."""

    entity: str
    """For whom."""
    request_id: str
    """Its identifier."""


@dataclass(frozen=True)
class RequestGivenUp:
    """A request that was accepted for an entity will not be sent any more.

    It was not answered in several tries, or cannot be written.
    """

    entity: str
    """For whom."""
    request_id: str
    """Its identifier."""


@dataclass(frozen=True)
class UpstreamState:
    """How an MN-CSE stands with its registrar."""

    is_registered: bool
    """There is a connection, and the registration is in force: what is for the registrar, or behind it, is sent now."""
    registrations: int
    """How often this process has registered there: more than once if the registrar has forgotten it."""
    cause: Exception | None
    """Why it is not registered now, as far as that is known."""


@dataclass(frozen=True)
class Missed:
    """So many events came faster than they were taken, and were not kept."""

    count: int
    """How many."""


#: What a handler of a client's events gets.
Event = Union[RegistrationConfirmed, RegistrationRenewed, RegisteredAgain, RegistrationFailed, Delivered, StorageFailed]


#: What a handler of a registrar's events gets.
RegistrarEvent = Union[
    Registered,
    Deregistered,
    Reachable,
    Unreachable,
    TakenOver,
    NewcomerRefused,
    Flapping,
    SecurityAlert,
    TlsRefused,
    RequestExpired,
    RequestGivenUp,
    UpstreamState,
    Missed,
]

_CLASSES: dict[str, Callable[..., Any]] = {
    kind.__name__: kind for union in (Event, RegistrarEvent) for kind in get_args(union)
}


def _from_native(payload: tuple[Any, ...]) -> Any:
    """The event that the native module tells of, by its name and its fields."""
    name, *fields = payload
    if name == "Delivered":
        request_id, response, error = fields
        return Delivered(request_id, None if response is None else Response._received(response), error)
    if name in ("RegistrationConfirmed", "RegistrationRenewed"):
        fields = [None if field is None else _time(field) for field in fields]
    return _CLASSES[name](*fields)


def _log(where: str, event: Event | RegistrarEvent, told: bool) -> None:
    """Logs an event; as a warning only what is bad and not told to the program."""
    warning = logging.DEBUG if told else logging.WARNING
    if isinstance(event, Delivered):
        level = logging.DEBUG if event.ok else warning
        what = event.response if event.error is None else f"not delivered: {event.error}"
        request_log.log(level, "%s: posted request %s: %s", where, event.request_id, what)
    elif isinstance(event, RegisteredAgain):
        text = "%s: the registrar had forgotten %s, which is registered again"
        connection_log.log(warning, text, where, event.entity)
    elif isinstance(event, (RegistrationFailed, StorageFailed)):
        connection_log.log(warning, "%s: %s", where, event.error)
    elif isinstance(event, UpstreamState) and event.cause is not None and not event.is_registered:
        connection_log.log(warning, "%s: not registered at its registrar: %s", where, event.cause)
    elif isinstance(event, (RequestExpired, RequestGivenUp)):
        request_log.log(warning, "%s: not delivered: %s", where, event)
    elif isinstance(event, (Flapping, SecurityAlert, Missed)):
        connection_log.log(warning, "%s: %s", where, event)
    else:
        connection_log.debug("%s: %s", where, event)


#: Has a function of the program called with an event.
Run = Callable[[Callable[[Any], Any], Any], None]


class Telling:
    """Events on their way to the function of the program that hears of them, in order.

    Those that come before there is one are kept, the latest 256 of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handler: Callable[[Any], Any] | None = None
        self.untold: deque[Any] = deque(maxlen=256)

    def tell(self, where: str, payload: tuple[Any, ...], run: Run) -> None:
        """Tells of what the native module delivered."""
        event = _from_native(payload)
        with self._lock:
            _log(where, event, self._handler is not None)
            if self._handler is None:
                self.untold.append(event)
            else:
                run(self._handler, event)

    def set_handler(self, handler: Callable[[Any], Any], run: Run) -> None:
        """From now on, `handler` is told; first what was kept."""
        with self._lock:
            self._handler = handler
            while self.untold:
                run(handler, self.untold.popleft())
