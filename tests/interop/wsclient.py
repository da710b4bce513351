"""A small blocking WebSocket client on the standard library alone, to watch the peers of the interoperability tests.

It must not depend on the library under test: what it says about a peer is then an independent word. It speaks JSON
primitives in text frames (TS-0020 6.2.2.9), unfragmented on sending, and answers pings. It is no product: one thread,
no compression. For `wss://` it takes a context of Python's ssl module.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import socket
import ssl
import struct
import time
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(ConnectionError):
    """The server answered the opening handshake with something other than 101."""

    def __init__(self, status: int, head: str) -> None:
        super().__init__(f"handshake refused with status {status}: {head!r}")
        self.status = status


class WireClient:
    """One WebSocket connection. `timeout` (seconds) bounds the opening and every call that waits.

    `requests` collects the peer's requests that were answered on the way, in their order.
    """

    def __init__(
        self,
        url: str,
        *,
        originator: str | None = None,
        subprotocol: str = "oneM2M.json",
        timeout: float = 10.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != ("ws" if tls is None else "wss") or parts.hostname is None:
            raise ValueError(f"not a ws:// address, nor wss:// with a context: {url!r}")
        self.timeout = timeout
        self.requests: list[Any] = []
        self._rest = b""
        self._count = 0
        port = parts.port or (80 if tls is None else 443)
        self._socket = socket.create_connection((parts.hostname, port), timeout=timeout)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=parts.hostname)
            self.subprotocol = self._handshake(parts.netloc, originator, subprotocol)
        except BaseException:
            self._socket.close()
            raise

    def _handshake(self, host: str, originator: str | None, subprotocol: str) -> str:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET / HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: {subprotocol}",
        ]
        if originator is not None:
            lines.append(f"X-M2M-Origin: {originator}")
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        deadline = time.monotonic() + self.timeout
        while b"\r\n\r\n" not in self._rest:
            if len(self._rest) > 16384:
                raise ConnectionError("the answer to the handshake is longer than 16 KiB")
            self._receive(deadline)
        head, self._rest = self._rest.split(b"\r\n\r\n", 1)
        text = head.decode("latin-1")
        status, *fields = text.split("\r\n")
        code = status.split(" ")[1]
        if code != "101":
            raise Refused(int(code), text)
        headers = {name.strip().lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        if headers.get("sec-websocket-accept") != accept:
            raise ConnectionError(f"wrong Sec-WebSocket-Accept: {headers.get('sec-websocket-accept')!r}")
        return headers.get("sec-websocket-protocol", "")

    # -- frames ------------------------------------------------------------------------------------------------------

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("nothing complete arrived in time")
        self._socket.settimeout(left)
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the peer ended the TCP connection")
        self._rest += data

    def _take(self, count: int, deadline: float) -> bytes:
        while len(self._rest) < count:
            self._receive(deadline)
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def send_frame(self, opcode: int, payload: bytes) -> None:
        """Sends one whole frame, masked as RFC 6455 5.3 asks of a client."""
        mask = os.urandom(4)
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
        elif size < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
        self._socket.settimeout(self.timeout)
        self._socket.sendall(head + mask + bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload)))

    def receive_message(self, timeout: float | None = None) -> bytes:
        """The next data message. Answers pings; a close frame or the end of the TCP stream is a ConnectionError."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        message = b""
        while True:
            first, second = self._take(2, deadline)
            size = second & 0x7F
            if second & 0x80 or first & 0x70:
                raise ConnectionError("the server masked a frame or set a reserved bit")
            if size == 126:
                (size,) = struct.unpack("!H", self._take(2, deadline))
            elif size == 127:
                (size,) = struct.unpack("!Q", self._take(8, deadline))
            if size > 1 << 24:
                raise ConnectionError(f"a frame of {size} bytes is more than this client takes")
            payload = self._take(size, deadline)
            opcode = first & 0x0F
            if opcode == PING:
                self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
                raise ConnectionError(f"the peer closed with {code} {payload[2:].decode('utf-8', 'replace')!r}")
            elif opcode != PONG:
                message += payload
                if first & 0x80:
                    return message

    # -- primitives --------------------------------------------------------------------------------------------------

    def send(self, primitive: Any) -> None:
        """Sends one primitive as JSON."""
        self.send_frame(TEXT, json.dumps(primitive).encode())

    def receive(self, timeout: float | None = None) -> Any:
        """The next message, read as JSON."""
        return json.loads(self.receive_message(timeout))

    def start(self, op: int, to: str, fr: str, **members: Any) -> str:
        """Sends a request and returns its `rqi` without waiting for the response."""
        self._count += 1
        rqi = f"wire{self._count}"
        self.send({"op": op, "to": to, "fr": fr, "rqi": rqi, "rvi": "4", **members})
        return rqi

    def response(self, rqi: str) -> Any:
        """Waits for the response to `rqi`. Requests of the peer that come before it are answered with 2000."""
        deadline = time.monotonic() + self.timeout
        while True:
            message = self.receive(deadline - time.monotonic())
            if isinstance(message, dict) and "op" in message:
                self._answer(message)
            elif not isinstance(message, dict) or message.get("rqi") in (rqi, None):
                return message

    def request(self, op: int, to: str, fr: str, **members: Any) -> Any:
        """Sends a request and returns its response; see `response`."""
        return self.response(self.start(op, to, fr, **members))

    def serve(self, count: int) -> list[Any]:
        """Answers the peer's requests with 2000 until `count` have come in all; returns all of them."""
        deadline = time.monotonic() + self.timeout
        while len(self.requests) < count:
            message = self.receive(deadline - time.monotonic())
            if isinstance(message, dict) and "op" in message:
                self._answer(message)
        return self.requests

    def _answer(self, request: Any) -> None:
        self.requests.append(request)
        self.send({"rsc": 2000, "rqi": request.get("rqi"), "rvi": "4"})

    def close(self) -> None:
        """Closes with 1000 and waits until the server has closed as well, `timeout` at most."""
        with contextlib.suppress(OSError):
            self.send_frame(CLOSE, struct.pack("!H", 1000))
            deadline = time.monotonic() + self.timeout
            while True:
                # Ends with the server's close frame, the end of the TCP stream, or the deadline: all are OSErrors.
                self.receive_message(deadline - time.monotonic())
        self._socket.close()

    def __enter__(self) -> WireClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
