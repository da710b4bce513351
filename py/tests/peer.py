"""A registrar's end for tests, in plain Python: it speaks the WebSocket protocol on its own and does what a test says.

It shares no code with the library. What it answers is decided by `answer`, a function from a request to a response (a
dictionary without `rqi`), or to `None` for no response at all.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import queue
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Any, Callable

Message = dict[str, Any]
Answer = Callable[[Message], "Message | None"]


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Returns when the condition holds; fails if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def agreeable(request: Message) -> Message:
    """Says yes to everything, and answers registrations and subscriptions with what they need."""
    if request["op"] != 1:
        return {"rsc": {2: 2000, 3: 2004, 4: 2002, 5: 2000}[request["op"]]}
    (name, resource), *_ = request["pc"].items()
    made = dict(resource)
    if request["ty"] == 2:
        given = request.get("fr")
        made["aei"] = made["ri"] = given if given not in (None, "", "C", "S") else "C4711"
    else:
        made["ri"] = f"r{request['rqi'].rpartition('-')[2]}"
    return {"rsc": 2001, "pc": {name: made}}


class Peer:
    """Listens as long as the `with` block lasts; `url` is its point of access.

    `greeting` is what it does instead of an opening handshake: bytes to send, or `b""` to stay silent. `subprotocol` is
    what it chooses; `None` for none.
    """

    def __init__(
        self,
        answer: Answer = agreeable,
        *,
        greeting: bytes | None = None,
        subprotocol: str | None = "oneM2M.json",
    ) -> None:
        self.answer = answer
        self.greeting = greeting
        self.subprotocol = subprotocol
        self.requests: list[Message] = []
        self.handshakes: list[str] = []
        self.closes: list[int] = []
        self.strays: list[Message] = []
        self._responses: dict[str, queue.SimpleQueue[Message]] = {}
        self._connections: list[socket.socket] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> Peer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # `close` alone does not wake the thread that accepts.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.drop()

    def drop(self) -> None:
        """Breaks all connections, without a close frame."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self, code: int = 1000) -> None:
        """Closes the latest connection, as the protocol wants it."""
        with self._lock:
            connection = self._connections[-1]
        self._frame(connection, 8, code.to_bytes(2, "big"))

    def tell(self, message: Any) -> None:
        """Sends a message: a dictionary, or text or bytes as they are."""
        text = message if isinstance(message, (str, bytes)) else json.dumps(message)
        with self._lock:
            connection = self._connections[-1]
        if isinstance(text, bytes):
            self._frame(connection, 2, text)
        else:
            self._frame(connection, 1, text.encode())

    def post(self, op: int, to: str, **parameters: Any) -> str:
        """Sends a request to the client and returns its identifier."""
        rqi = f"peer{next(self._numbers)}"
        self._responses[rqi] = queue.SimpleQueue()
        self.tell({"op": op, "to": to, "fr": "/id-in", "rqi": rqi, "rvi": "3", **parameters})
        return rqi

    def response(self, rqi: str, seconds: float = 5.0) -> Message:
        """The client's response to a request that was posted."""
        return self._responses[rqi].get(timeout=seconds)

    def ask(self, op: int, to: str, **parameters: Any) -> Message:
        """Sends a request to the client and returns its response."""
        return self.response(self.post(op, to, **parameters))

    def notify(self, sur: str, content: Any, **signal: Any) -> Message:
        """Notifies the client of a new content instance with this content; returns its response."""
        event = {"net": 3, "rep": {"m2m:cin": {"con": content}}}
        return self.ask(5, "Ctest", pc={"m2m:sgn": {"sur": sur, "nev": event, **signal}})

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A program that ends breaks off in the middle of a message.
        with connection, contextlib.suppress(OSError, ValueError, struct.error):
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = connection.recv(4096)
                if not chunk:
                    return
                head += chunk
            self.handshakes.append(head.decode())
            if self.greeting is not None:
                if self.greeting:
                    connection.sendall(self.greeting)
                else:
                    connection.recv(1)
                return
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
            key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
            accept = hashlib.sha1(key.split(b": ", 1)[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
            assert fields[b"upgrade"] == b"websocket"
            lines = [
                "HTTP/1.1 101 Switching Protocols",
                "Upgrade: websocket",
                "Connection: Upgrade",
                f"Sec-WebSocket-Accept: {base64.b64encode(accept).decode()}",
            ]
            if self.subprotocol is not None:
                lines.append(f"Sec-WebSocket-Protocol: {self.subprotocol}")
            with self._lock:  # the client may be told something as soon as it knows that it is connected
                self._connections.append(connection)
                connection.sendall("\r\n".join([*lines, "", ""]).encode())
            self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        whole = b""
        while True:
            head = stream.read(2)
            if len(head) < 2:
                return
            opcode, final, length = head[0] & 15, head[0] & 128, head[1] & 127
            if length == 126:
                (length,) = struct.unpack(">H", stream.read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", stream.read(8))
            mask = stream.read(4)
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(stream.read(length)))
            if opcode == 8:
                self.closes.append(int.from_bytes(data[:2], "big"))
                self._frame(connection, 8, data)
                return
            if opcode == 9:
                self._frame(connection, 10, data)
                continue
            whole += data
            if final and opcode in (0, 1):
                message, whole = json.loads(whole), b""
                self._take(connection, message)

    def _take(self, connection: socket.socket, message: Message) -> None:
        if "op" not in message:
            waiting = self._responses.get(message.get("rqi", ""))
            if waiting is None:
                self.strays.append(message)
            else:
                waiting.put(message)
            return
        self.requests.append(message)
        # A thread of its own, so that it may ask the client something before it answers.
        threading.Thread(target=self._respond, args=(connection, message), daemon=True).start()

    def _respond(self, connection: socket.socket, message: Message) -> None:
        answer = self.answer(message)
        if answer is not None:
            with contextlib.suppress(OSError):
                self._frame(connection, 1, json.dumps({"rqi": message["rqi"], **answer}).encode())

    def _frame(self, connection: socket.socket, opcode: int, data: bytes) -> None:
        size = bytes([len(data)]) if len(data) < 126 else b"\x7f" + struct.pack(">Q", len(data))
        if 126 <= len(data) < 65536:
            size = b"\x7e" + struct.pack(">H", len(data))
        with self._lock:
            connection.sendall(bytes([0x80 | opcode]) + size + data)
