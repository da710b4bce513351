"""What the asyncio face and the blocking face of the registrar share."""

from __future__ import annotations

from typing import Any, Callable

from . import _native
from .errors import StateError
from .events import RegistrarEvent, Telling, UpstreamState
from .settings import _registrar_settings
from .tls import PeerIdentity, _identity


class RegistrarBase:
    """The common part of both registrars."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = _registrar_settings(settings)
        self._native: _native.Registrar | None = None
        self._telling = Telling()

    def _begin(self, queue: _native.Queue, handle: int) -> None:
        if self._native is not None:
            raise StateError("the registrar was started already")
        self._native = _native.Registrar(queue, handle, self._settings)

    def _running(self) -> _native.Registrar:
        if self._native is None:
            raise StateError("the registrar is not started")
        return self._native

    @property
    def points_of_access(self) -> list[str]:
        """Where registrees reach it."""
        return self._running().points_of_access()

    @property
    def url(self) -> str:
        """The first point of access, as `ws://127.0.0.1:9000`."""
        return self.points_of_access[0]

    def identity_of(self, entity: str) -> PeerIdentity | None:
        """Who is at the other end of the connection over which an entity (an AE-ID or CSE-ID) is reached now.

        `None` if it is offline, or nobody was authenticated there, as without TLS.
        """
        return _identity(self._running().identity_of(entity))

    def reload_tls(self) -> int:
        """Reads the files of all TLS settings anew: certificates, keys, authorities, lists of what is revoked.

        Whoever is connected is judged by them, too: a connection whose credential does not count any more, or has other
        entities now, is closed. Returns how many that were. The way to its own registrar is judged likewise.

        Raises `ArgumentError` if a file cannot be used: then its place goes on with what it has. `StateError` if there
        is no TLS.
        """
        return self._running().reload_tls()

    @property
    def upstream(self) -> UpstreamState | None:
        """How it stands with its own registrar; `None` if it has none."""
        state = self._running().upstream()
        return None if state is None else UpstreamState(*state[1:])

    def waiting(self, entity: str) -> int:
        """How many notifications wait for an entity.

        Those for its own registrar, and for everybody behind it, wait under the CSE-ID of that.
        """
        return self._running().waiting(entity)

    @property
    def counters(self) -> dict[str, int]:
        """What was counted so far, by name.

        Of the notifications that it stored: `accepted`, `delivered`, `repeated` (sent once more, since no answer came),
        `expired`, `given_up`, `replaced` (by later ones of a subscription) and `refused` (the store was full). Of
        connections that met others of the same entity: `taken_over`, `newcomers_refused`, `security_alerts` and
        `flapping`. Of those who got no connection: `tls_refused`, `handshakes_refused`, and `connections_refused`
        (there were too many).
        """
        return self._running().counters()

    def _tell(self, callback: Callable[[Any], Any], what: RegistrarEvent) -> None:
        """Has the program's function hear of an event."""
        raise NotImplementedError

    def _route_event(self, payload: tuple[Any, ...]) -> None:
        self._telling.tell(f"registrar {self._settings['cse_id']}", payload, self._tell)
