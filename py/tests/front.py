"""TLS by Python's ssl module, in front of a server that has none: an end that shares no code with the library."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
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


@contextlib.contextmanager
def refusing(context: ssl.SSLContext) -> Iterator[str]:
    """A server that judges one client, says why it does not accept it, and lets it read that. Yields where it is."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secure:
                try:
                    secure.do_handshake()
                except ssl.SSLError:
                    secure.shutdown(socket.SHUT_WR)
                    with contextlib.suppress(OSError):
                        while socket.socket.recv(secure, 65536):
                            pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"wss://127.0.0.1:{server.getsockname()[1]}"


class Front:
    """Passes on, without TLS, what comes with it. `url` is its point of access as long as the `with` block lasts.

    A client that it does not accept gets no word: asyncio cuts the connection.
    """

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
