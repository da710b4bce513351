"""Requests and responses, as programs see them.

Content is a dictionary with one member that names the type of what it holds, `{"m2m:cnt": {"rn": "data"}}`, with the
short names of the standard, whatever the format of the connection. It is read from the wire when somebody looks at it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Union

from . import _native
from .enums import NotificationEventType, Operation, ResourceType, StatusCode
from .errors import ArgumentError, DecodeError, ResponseError
from .formats import Format, _format_name

if TYPE_CHECKING:
    from ._native import ReceivedRequest, ReceivedResponse

#: What a handler may return: a response, its status alone, or nothing, which means 2000 OK.
Answer = Union["Response", int, None]

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_UNREAD: Any = object()


def _json_bytes(what: str, value: Mapping[str, Any]) -> bytes:
    try:
        return _encode(value if type(value) is dict else dict(value)).encode()
    except (TypeError, ValueError, RecursionError) as error:  # ValueError: NaN, cycles, lone surrogates
        raise ArgumentError(f"{what} cannot be written as JSON: {error}") from error


def _content_bytes(content: Mapping[str, Any]) -> bytes:
    if not isinstance(content, Mapping):
        raise ArgumentError(
            f"content is a dictionary with one member that names its type, as {{'m2m:cnt': {{...}}}},"
            f" not {type(content).__name__}"
        )
    if len(content) != 1:
        names = ", ".join(map(str, content)) or "none"
        raise ArgumentError(f"content has one member, which names its type, not {len(content)} ({names})")
    return _json_bytes("content", content)


def _content_as(content: Mapping[str, Any] | None, format: Format | str, in_response: bool) -> bytes | None:
    name = _format_name("format", format)
    return None if content is None else _native.content_as(_content_bytes(content), name, in_response)


def _read(what: str, data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"{what} cannot be read: {error}") from error


def _envelope(base: dict[str, Any], parameters: Mapping[str, Any] | None) -> bytes:
    for name, value in (parameters or {}).items():
        if name in base or name == "pc":
            raise ArgumentError(f"parameters: {name!r} has an argument of its own")
        base[name] = value
    return _json_bytes("parameters", base)


class Request:
    """A request that can be sent.

    Args:
        operation: what to do.
        to: address of the target: `cse-in/sensor1`, `/id-in/cse-in/sensor1` or `//sp.example/id-in/cse-in/sensor1`.
        ty: type of the resource to create; for CREATE only.
        content: what is to be created, changed or notified, as a dictionary with one member.
        originator: who asks (`fr`), if it is not the client's own entity.
        request_id: the identifier (`rqi`), if it is not to be made.
        result_content: what the response is to carry (`rcn`), see `ResultContent`.
        expires_in: seconds until the request is of no more use (`rqet`); also a time-out.
        parameters: any other parameters by their short names, as `{"rt": {"rtv": 1}}`.

    >>> request = Request(Operation.CREATE, "cse-in/sensor1", ty=3, content={"m2m:cnt": {"rn": "data"}})
    >>> request
    <Request CREATE cse-in/sensor1>
    """

    __slots__ = (
        "content",
        "expires_in",
        "operation",
        "originator",
        "parameters",
        "request_id",
        "result_content",
        "to",
        "ty",
    )

    def __init__(
        self,
        operation: int,
        to: str,
        *,
        ty: int | None = None,
        content: Mapping[str, Any] | None = None,
        originator: str | None = None,
        request_id: str | None = None,
        result_content: int | None = None,
        expires_in: float | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.operation = operation
        self.to = to
        self.ty = ty
        self.content = content
        self.originator = originator
        self.request_id = request_id
        self.result_content = result_content
        self.expires_in = expires_in
        self.parameters = parameters

    def _is_plain(self) -> bool:
        return (
            self.originator is None
            and self.request_id is None
            and self.result_content is None
            and self.expires_in is None
            and not self.parameters
        )

    def _envelope(self) -> bytes:
        if self.request_id == "":
            raise ArgumentError("request_id is empty")
        base: dict[str, Any] = {"op": self.operation, "to": self.to, "rqi": self.request_id or "0"}
        if self.ty is not None:
            base["ty"] = self.ty
        if self.originator is not None:
            base["fr"] = self.originator
        if self.result_content is not None:
            base["rcn"] = self.result_content
        if self.expires_in is not None:
            if not 0 < self.expires_in < 1e12:
                raise ArgumentError(f"expires_in: {self.expires_in} is not a number of seconds to come")
            base["rqet"] = str(max(1, round(self.expires_in * 1000)))
        return _envelope(base, self.parameters)

    def content_as(self, format: Format | str) -> bytes | None:
        """The content in a format; XML is the element that stands inside of `pc`.

        Raises `EncodeError` if it holds something that the format cannot carry.
        """
        return _content_as(self.content, format, False)

    def __repr__(self) -> str:
        return f"<Request {_operation_name(self.operation)} {self.to}>"


def _operation_name(operation: int) -> str:
    try:
        return Operation(operation).name
    except ValueError:
        return str(operation)


class Response:
    """A response: one that came, or one to answer with.

    Args:
        status: the outcome, see `StatusCode`.
        content: what it carries, as a dictionary with one member.
        parameters: any other parameters by their short names.

    A response that is an error is a response like any other, until `raise_for_status` is called:

    >>> response = Response(4004, {"m2m:dbg": "no such container"})
    >>> response.ok, response.status
    (False, <StatusCode.NOT_FOUND: 4004>)
    >>> response.raise_for_status()
    Traceback (most recent call last):
        ...
    onem2m_ws.errors.ResponseError: 4004 NOT_FOUND: no such container
    """

    __slots__ = ("_content", "_native", "_parameters", "status")

    status: StatusCode
    """The outcome (`rsc`)."""

    def __init__(
        self,
        status: int,
        content: Mapping[str, Any] | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(status, bool) or not isinstance(status, int) or not 0 <= status <= 65535:
            raise ArgumentError(f"status: {status!r} is not a response status code")
        self.status = StatusCode(status)
        self._content: Any = content
        self._native: ReceivedResponse | None = None
        self._parameters: Any = parameters

    @classmethod
    def _received(cls, native: ReceivedResponse) -> Response:
        self = cls.__new__(cls)
        self.status = StatusCode(native.status)
        self._content = self._parameters = _UNREAD
        self._native = native
        return self

    @property
    def ok(self) -> bool:
        """True for 2xxx: the request was carried out."""
        return self.status // 1000 == 2

    @property
    def content(self) -> dict[str, Any] | None:
        """What the response carries (`pc`), read at the first look."""
        if self._content is _UNREAD:
            self._content = _read("the content of the response", self._native.content if self._native else None)
        return self._content  # type: ignore[no-any-return]

    def content_as(self, format: Format | str) -> bytes | None:
        """The content in a format: as it came, if that is its own. XML is the element that stands inside of `pc`.

        Raises `EncodeError` if it holds something that the format cannot carry.
        """
        if self._native is not None:
            return self._native.content_as(_format_name("format", format))
        return _content_as(self._content, format, True)

    @property
    def request_id(self) -> str:
        """Identifier of the request that it answers (`rqi`); empty for one that was not sent."""
        return self._native.request_id if self._native else ""

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters but the content, by their short names."""
        if self._parameters is _UNREAD:
            self._parameters = _read("the response", self._native.parameters() if self._native else None)
        return dict(self._parameters or {})

    @property
    def debug(self) -> str | None:
        """The explanation that an error may carry (`m2m:dbg`)."""
        text = self.content.get("m2m:dbg") if isinstance(self.content, Mapping) else None
        return text if isinstance(text, str) else None

    @property
    def addresses(self) -> list[str]:
        """What a discovery found: the list of addresses in the content (`m2m:uril`); empty if there is none."""
        found = self.content.get("m2m:uril", []) if isinstance(self.content, Mapping) else []
        if isinstance(found, str):  # Release 1 wrote the list as text
            return found.split()
        return list(found) if isinstance(found, list) else []

    def raise_for_status(self) -> Response:
        """Raises `ResponseError` if the response is an error; returns the response itself if it is not."""
        if self.ok or self.status.is_accepted:
            return self
        raise ResponseError(_refusal_text(self), self)

    def __repr__(self) -> str:
        return f"<Response {_status_text(self.status)}>"


def _status_text(status: StatusCode) -> str:
    name = status.name
    return str(status) if name.startswith("UNKNOWN_") else f"{status} {name}"


def _refusal_text(response: Response) -> str:
    text = _status_text(response.status)
    try:
        debug = response.debug
    except DecodeError:
        return text
    return f"{text}: {debug}" if debug else text


class IncomingRequestBase:
    """What requests of the peer's are, in both faces of the package."""

    __slots__ = ("__weakref__", "_content", "_native", "_parameters")

    def __init__(self, native: ReceivedRequest) -> None:
        self._native = native
        self._content = self._parameters = _UNREAD

    @property
    def operation(self) -> Operation:
        """What is asked for (`op`)."""
        return Operation(self._native.operation)

    @property
    def to(self) -> str:
        """Address of the target (`to`)."""
        return self._native.to

    @property
    def originator(self) -> str | None:
        """Who asks (`fr`)."""
        return self._native.originator

    @property
    def request_id(self) -> str:
        """Identifier of the request (`rqi`)."""
        return self._native.request_id

    @property
    def ty(self) -> ResourceType | None:
        """Type of the resource to create (`ty`)."""
        ty = self._native.ty
        return None if ty is None else ResourceType(ty)

    @property
    def content(self) -> dict[str, Any] | None:
        """What the request carries (`pc`), read at the first look."""
        if self._content is _UNREAD:
            self._content = _read("the content of the request", self._native.content)
        return self._content  # type: ignore[no-any-return]

    def content_as(self, format: Format | str) -> bytes | None:
        """The content in a format: as it came, if that is its own. XML is the element that stands inside of `pc`.

        Raises `EncodeError` if it holds something that the format cannot carry.
        """
        return self._native.content_as(_format_name("format", format))

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters but the content, by their short names."""
        if self._parameters is _UNREAD:
            self._parameters = _read("the request", self._native.parameters())
        return dict(self._parameters)

    @property
    def answered(self) -> bool:
        """True once the program has answered."""
        return self._native.answered

    def _answer(self, answer: Response | int, content: Mapping[str, Any] | None = None) -> None:
        if not isinstance(answer, Response):
            answer = Response(answer, content)
        elif content is not None:
            raise ArgumentError("content belongs into the response that is given")
        value = answer.content
        pc = None if value is None else _content_bytes(value)
        # A response that came from somebody else is passed on without its parameters: they are about that exchange.
        if answer._native is None and answer._parameters:
            envelope = _envelope({"rsc": int(answer.status), "rqi": self.request_id}, answer._parameters)
            self._native.respond_with(envelope, pc)
        else:
            self._native.respond(answer.status, pc)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.operation.name} {self.to} from {self.originator}>"


@dataclass(frozen=True)
class NotificationBase:
    """What notifications are, in both faces of the package."""

    signal: Mapping[str, Any]
    """The whole notification (`m2m:sgn`), by short names."""

    @property
    def representation(self) -> dict[str, Any] | None:
        """The resource that it is about, as `{"m2m:cin": {...}}` (`nev.rep`)."""
        return self._event().get("rep")

    @property
    def event(self) -> NotificationEventType | None:
        """What happened (`nev.net`)."""
        event = self._event().get("net")
        return NotificationEventType(event) if isinstance(event, int) else None

    @property
    def subscription(self) -> str | None:
        """Address of the subscription (`sur`)."""
        return self.signal.get("sur")

    @property
    def is_last(self) -> bool:
        """True if the subscription was deleted (`sud`): nothing will follow."""
        return self.signal.get("sud") is True

    def _event(self) -> Mapping[str, Any]:
        event = self.signal.get("nev")
        return event if isinstance(event, Mapping) else {}


def _signal_of(request: IncomingRequestBase) -> Mapping[str, Any] | None:
    """The single notification that a request carries."""
    try:
        content = request.content
    except DecodeError:
        return None
    signal = content.get("m2m:sgn") if isinstance(content, Mapping) else None
    return signal if isinstance(signal, Mapping) else None


@dataclass(frozen=True)
class Registration:
    """A registration that is in force.

    `entity` is the AE-ID or CSE-ID, as the registrar gave it; `kind` is `"AE"` or `"CSE"`.
    """

    entity: str
    kind: str


@dataclass(frozen=True)
class Posted:
    """A request that was posted and is not delivered yet.

    `request_id` is what `Client.post` returned; `expires` is when the request is of no more use, in UTC; `attempts` is
    how often it was sent so far.
    """

    request_id: str
    operation: Operation
    to: str
    expires: datetime
    attempts: int

    @classmethod
    def _listed(cls, request_id: str, operation: int, to: str, expires: float, attempts: int) -> Posted:
        return cls(request_id, Operation(operation), to, _time(expires), attempts)


def _time(seconds: float) -> datetime:
    """The time so many seconds after the beginning of 1970, in UTC; the last that there is, if it is beyond that."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class StateChange:
    """Where a client's connection stands.

    `state` is `"disconnected"`, `"connecting"`, `"open"`, `"registered"` (open, and the entity is registered),
    `"closing"` (what is under way is waited for) or `"closed"`; `cause` is why a connection was lost or could not be
    opened; `attempt` is which attempt to open it this is, or how many failed in a row; `next_attempt` is the time until
    the next attempt in seconds, `None` if there is none to come.
    """

    state: str
    cause: Exception | None
    attempt: int
    next_attempt: float | None


def _discovery(
    to: str,
    types: Iterable[int],
    labels: Iterable[str],
    limit: int | None,
    level: int | None,
    criteria: Mapping[str, Any] | None,
    originator: str | None,
) -> Request:
    """A request that discovers."""
    filters: dict[str, Any] = {"fu": 1}
    given = {"ty": [int(ty) for ty in types], "lbl": list(labels), "lim": limit, "lvl": level}
    filters.update((name, value) for name, value in given.items() if value not in (None, []))
    for name, value in (criteria or {}).items():
        if name in filters:
            raise ArgumentError(f"criteria: {name!r} has an argument of its own")
        filters[name] = value
    return Request(Operation.RETRIEVE, to, originator=originator, parameters={"fc": filters})
