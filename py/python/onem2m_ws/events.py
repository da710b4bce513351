"""What happens to a client besides requests and its connection; `Client.on_event` tells.

RegistrationConfirmed     the registrar still knows us
RegistrationRenewed       the registration lasts longer
RegisteredAgain           the registrar had forgotten us: what was below our resource is gone
RegistrationFailed        it could not be checked, renewed or made again; it is tried again
Delivered                 a posted request was answered, or was given up
StorageFailed             what the next run is to know could not be written
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Union

from .primitives import Response, _time

registration_log = logging.getLogger("onem2m_ws.connection")
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


#: What a handler of events gets.
Event = Union[RegistrationConfirmed, RegistrationRenewed, RegisteredAgain, RegistrationFailed, Delivered, StorageFailed]


def _from_native(payload: tuple[Any, ...]) -> Event:
    """The event that the native module tells of."""
    name, *fields = payload
    if name == "Delivered":
        request_id, response, error = fields
        return Delivered(request_id, None if response is None else Response._received(response), error)
    (field,) = fields
    if name == "RegistrationConfirmed":
        return RegistrationConfirmed(None if field is None else _time(field))
    if name == "RegistrationRenewed":
        return RegistrationRenewed(_time(field))
    if name == "RegisteredAgain":
        return RegisteredAgain(field)
    return RegistrationFailed(field) if name == "RegistrationFailed" else StorageFailed(field)


def _log(point_of_access: str, event: Event, told: bool) -> None:
    """Logs an event; as a warning only what is bad and not told to the program."""
    warning = logging.DEBUG if told else logging.WARNING
    if isinstance(event, Delivered):
        level = logging.DEBUG if event.ok else warning
        what = event.response if event.error is None else f"not delivered: {event.error}"
        request_log.log(level, "%s: posted request %s: %s", point_of_access, event.request_id, what)
    elif isinstance(event, RegisteredAgain):
        text = "%s: the registrar had forgotten %s, which is registered again"
        registration_log.log(warning, text, point_of_access, event.entity)
    elif isinstance(event, (RegistrationFailed, StorageFailed)):
        registration_log.log(warning, "%s: %s", point_of_access, event.error)
    else:
        registration_log.debug("%s: the registration is in force until %s", point_of_access, event.until)
