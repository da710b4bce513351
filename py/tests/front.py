"""TLS by Python's ssl module in front of a server that has none: a server's end that shares no code with the library."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from pathlib import Path
from types import TracebackType

from certificates import Authority, Credential


def server_context(folder: Path, credential: Credential, clients: Authority | None = None) -> ssl.SSLContext:
    """A server's context; with `clients`, it wants a certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*credential.save(folder, "front"))
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.pem.decode())
    return context


class Front:
    """Passes on, without TLS, what comes with it. `url` is its point of access as long as the `with` block lasts."""

    def __init__(self, target: str, context: ssl.SSLContext) -> None:
        host, _, port = target.removeprefix("ws://").rpartition(":")
        self._target = (host, int(port))
        self._context = context
        self._loop = asyncio.new_event_loop()
        # A handshake that fails is what some tests want.
        self._loop.set_exception_handler(lambda loop, what: None)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.url = ""

    def __enter__(self) -> Front:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context), self._loop
        ).result(10)
        self.url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._pass(reader, to_writer), self._pass(to_reader, writer))

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()
