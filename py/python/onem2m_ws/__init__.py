"""The oneM2M WebSocket binding (TS-0020) for asyncio; `onem2m_ws.sync` is the same for blocking programs.

async with onem2m_ws.connect("ws://localhost:9000", originator="Csensor1") as ae:
    await ae.register_ae(app_id="Nexample", name="sensor1")
    await ae.create("cse-in/sensor1", ty=3, content={"m2m:cnt": {"rn": "data"}})
"""

from __future__ import annotations

from ._connect import connect
from ._native import __version__
from .client import Client, IncomingRequest, Notification, Subscription
from .enums import (
    NotificationContentType,
    NotificationEventType,
    Operation,
    ResourceType,
    ResultContent,
    StatusCode,
)
from .errors import OneM2MError
from .formats import Format, convert, register_flex_container, register_namespace
from .primitives import Posted, Registration, Request, Response, StateChange
from .registrar import Registrar
from .settings import Compression, Outbox, Upstream
from .tls import TLS, PeerIdentity

__all__ = [
    "TLS",
    "Client",
    "Compression",
    "Format",
    "IncomingRequest",
    "Notification",
    "NotificationContentType",
    "NotificationEventType",
    "OneM2MError",
    "Operation",
    "Outbox",
    "PeerIdentity",
    "Posted",
    "Registrar",
    "Registration",
    "Request",
    "ResourceType",
    "Response",
    "ResultContent",
    "StateChange",
    "StatusCode",
    "Subscription",
    "Upstream",
    "__version__",
    "connect",
    "convert",
    "register_flex_container",
    "register_namespace",
]
