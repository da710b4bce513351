"""Through an HTTP proxy (WS-6.6-1), with both faces. The proxies here share no code with the library."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from certificates import Authority
from faces import Face
from front import Front, server_context
from peer import Peer, until

import onem2m_ws
from onem2m_ws import TLS, errors

CREDENTIALS = "Proxy-Authorization: Basic Z2F0ZXdheTpzQGNyZXQ="  # gateway:s@cret


class Proxy:
    """Answers every CONNECT with a tunnel to one place. `asked` has their heads.

    `first` has what came first through each tunnel; `url` may have credentials put in.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.partition("://")[2].rpartition(":")
        self.target = (host, int(port))
        self.asked: list[str] = []
        self.first: list[bytes] = []
        self._sockets: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"

    def url(self, credentials: str = "") -> str:
        return f"http://{credentials}{self.address}"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Breaks all tunnels."""
        sockets, self._sockets = self._sockets, []
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._server.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = client.recv(1)
                if not byte:
                    return
                head += byte
            self.asked.append(head.decode())
            with socket.create_connection(self.target) as server:
                self._sockets += [client, server]
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
                back.start()
                self.first.append(client.recv(65536, socket.MSG_PEEK))
                self._pass(client, server)
                back.join()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(peer: Peer) -> Iterator[Proxy]:
    """A proxy that leads to `peer`, whatever it is asked for."""
    with Proxy(peer.url) as proxy:
        yield proxy


def test_ws_6_6_1_registers_and_exchanges_through_a_proxy(
    face: Face, registrar: onem2m_ws.Registrar, name: str
) -> None:
    url = registrar.points_of_access[0]
    with (
        Proxy(url) as proxy,
        face.connect(url, originator=f"C{name}", proxy=proxy.url("gate%77ay:s%40cret@")) as ae,
    ):
        ae.register_ae(app_id="Ntest", name=name)
        content = {"m2m:cnt": {"rn": "data"}}
        assert ae.create(f"cse-in/{name}", ty=3, content=content).status == 2001
        proxy.cut()
        until(lambda: len(proxy.asked) == 2)
        assert ae.retrieve(f"cse-in/{name}/data").ok
    authority = url.removeprefix("ws://")
    for asked in proxy.asked:
        assert asked == f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{CREDENTIALS}\r\n\r\n"


def test_ws_6_6_1_tls_inside_the_tunnel(face: Face, peer: Peer, tmp_path: Path) -> None:
    """The proxy sees a host and bytes of TLS; the server is who it is by its own name, and is not told of the proxy."""
    ca = Authority()
    context = server_context(tmp_path, ca.issue("DNS:in.invalid"), clients=ca)
    mine = ca.issue("URI://onem2m-ws.example/id-in/Ctest")
    tls = TLS(cert=mine.cert, key=mine.key, ca=ca.pem)
    with Front(peer.url, context) as front, Proxy(front.url) as proxy:
        settings: dict[str, Any] = {"originator": "Ctest", "registered": True, "proxy": proxy.url("gateway:s%40cret@")}
        with face.connect("wss://in.invalid:9443", tls=tls, **settings) as ae:
            assert ae.retrieve("cse-in").ok
            assert ae.peer_identity.names == ("DNS:in.invalid",)
            proxy.cut()
            until(lambda: len(proxy.asked) == 2)
            assert ae.retrieve("cse-in").ok
        with pytest.raises(errors.PeerNotTrustedError, match=r"other\.invalid"):
            face.connect("wss://other.invalid:9443", tls=tls, **settings)
    assert [asked.partition(" HTTP/")[0] for asked in proxy.asked] == [
        "CONNECT in.invalid:9443",
        "CONNECT in.invalid:9443",
        "CONNECT other.invalid:9443",
    ]
    assert all(CREDENTIALS in asked for asked in proxy.asked)
    assert len(proxy.first) == 3 and all(first[:2] == b"\x16\x03" for first in proxy.first)  # a handshake of TLS
    assert len(peer.handshakes) == 2
    for handshake in peer.handshakes:
        assert "Proxy" not in handshake and "Z2F0ZXdh" not in handshake


def test_ws_6_6_1_the_proxy_resolves_and_credentials_stay_with_it(face: Face, peer: Peer, proxy: Proxy) -> None:
    settings = {"proxy": proxy.url("other:one@"), "proxy_credentials": ("gateway", "s@cret")}
    with face.connect("ws://in.invalid:9000", originator="Ctest", registered=True, **settings) as ae:
        assert ae.retrieve("cse-in").ok
        assert "s@cret" not in repr(ae) and "gateway" not in repr(ae)
    assert proxy.asked[0].startswith("CONNECT in.invalid:9000 HTTP/1.1\r\n")
    assert CREDENTIALS in proxy.asked[0]
    assert "Host: in.invalid:9000\r\n" in peer.handshakes[0]
    assert "Proxy" not in peer.handshakes[0] and "Z2F0ZXdh" not in peer.handshakes[0]


def test_ws_6_6_1_the_proxy_of_the_environment(
    face: Face, peer: Peer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("http_proxy", "all_proxy", "no_proxy", "request_method"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    monkeypatch.setenv("HTTP_PROXY", proxy.url("gateway:s%40cret@"))
    settings: dict[str, Any] = {"originator": "Ctest", "registered": True}
    with face.connect("ws://in.invalid", proxy=True, **settings) as ae:
        assert ae.retrieve("cse-in").ok
    assert len(proxy.asked) == 1 and CREDENTIALS in proxy.asked[0]
    # Not asked for, not for this host, not to loopback.
    for unproxied in (None, False):
        with pytest.raises(errors.UnknownHostError):
            face.connect("ws://in.invalid", proxy=unproxied, **settings)
    with face.connect(peer.url, proxy=True, **settings) as ae:
        assert ae.retrieve("cse-in").ok
    monkeypatch.setenv("NO_PROXY", ".invalid")
    with pytest.raises(errors.UnknownHostError):
        face.connect("ws://in.invalid", proxy=True, **settings)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTP_PROXY", "socks5://u:hunter2@proxy")
    with pytest.raises(errors.ArgumentError, match=r"HTTP_PROXY.*SOCKS") as raised:
        face.connect("ws://in.invalid", proxy=True, **settings)
    assert "hunter2" not in str(raised.value)
    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nX-Why: a\r\n\r\nyou?", "ProxyAuthenticationError", "Basic"),
        (b"HTTP/1.1 403 No\r\nX-Why: a\r\nContent-Length: 4\r\n\r\nyou?", "ProxyRefusedError", "403 No"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://b/\r\nX-Why: a\r\n\r\nyou?", "ProxyRefusedError", "not followed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nyou?", "NotProxyError", "4 bytes"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "NotProxyError", "SSH-2.0"),
    ],
)
def test_ws_6_6_1_a_proxy_that_opens_no_tunnel(face: Face, answer: bytes, kind: str, text: str) -> None:
    with Peer(greeting=answer) as proxy, pytest.raises(getattr(errors, kind), match=text) as raised:
        through = proxy.url.replace("ws://", "http://u:hunter2@")
        face.connect("ws://in.invalid", originator="Ctest", proxy=through)
    error = raised.value
    assert type(error).__name__ == kind
    assert str(error).startswith("ws://in.invalid: at the proxy http://127.0.0.1:")
    assert "hunter2" not in str(error) + repr(error)
    if isinstance(error, errors.ProxyRefusedError):
        assert error.body == b"you?" and error.headers["x-why"] == "a"
        assert error.status in (302, 403, 407) and error.reason


def test_nobody_listens_at_the_proxy(face: Face) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(errors.ConnectionRefusedError, match="at the proxy"):
        face.connect("ws://in.invalid", originator="Ctest", proxy=f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"proxy": "https://u:hunter2@proxy"}, "https://"),
        ({"proxy": "http://u:hunter2@proxy\r\nX: y"}, "control"),
        ({"proxy": "http://u:hunter2@"}, "no host"),
        ({"proxy": b"http://u:hunter2@proxy"}, "bytes"),
        ({"proxy": "proxy", "proxy_credentials": ("a:b", "hunter2")}, "colon"),
        ({"proxy": "proxy", "proxy_credentials": ("a", "hunter2\n")}, "control"),
        ({"proxy": "proxy", "proxy_credentials": "hunter2"}, "pair"),
        ({"proxy": "proxy", "proxy_credentials": ("hunter2",)}, "pair"),
        ({"proxy": "proxy", "proxy_credentials": (b"a", "hunter2")}, "pair"),
        ({"proxy_credentials": ("a", "hunter2")}, "without a proxy"),
    ],
)
def test_what_is_no_setting_of_a_proxy(face: Face, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(errors.ArgumentError, match=text) as raised:
        face.connect("ws://in.invalid", originator="Ctest", **settings)
    assert "hunter2" not in str(raised.value)
