"""Bad input, with both faces: each gets a clear error that Python programs can catch, and disturbs nothing else."""

from __future__ import annotations

import math
import socket
import threading
import time
from typing import Any

import pytest
from faces import Face
from peer import Message, Peer, agreeable, until

import onem2m_ws
from onem2m_ws import errors


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_listens(face: Face) -> None:
    port = free_port()
    with pytest.raises(errors.ConnectionRefusedError, match=str(port)) as raised:
        face.connect(f"ws://127.0.0.1:{port}", originator="Ctest")
    assert isinstance(raised.value, ConnectionRefusedError)


def test_unknown_host(face: Face) -> None:
    with pytest.raises(errors.UnknownHostError, match=r"nowhere\.invalid"):
        face.connect("ws://nowhere.invalid:9000", originator="Ctest")


def test_a_port_that_speaks_no_websocket(face: Face) -> None:
    with Peer(greeting=b"220 mail.example ESMTP\r\n") as peer, pytest.raises(errors.NotWebSocketError):
        face.connect(peer.url, originator="Ctest")


def test_a_server_that_accepts_and_stays_silent(face: Face) -> None:
    with Peer(greeting=b"") as peer:
        since = time.monotonic()
        with pytest.raises(errors.OpenTimeoutError):
            face.connect(peer.url, originator="Ctest", open_timeout=0.2)
        assert 0.15 < time.monotonic() - since < 5


def test_a_4xx_answer_is_shown(face: Face) -> None:
    answer = (
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\nX-Why: first\r\nx-why: second\r\n"
        b"Content-Type: text/plain\r\n\r\nunknown AE\r\n"
    )
    with (
        Peer(greeting=answer) as peer,
        pytest.raises(errors.HandshakeRefusedError, match=r"(?s)403.*unknown AE") as raised,
    ):
        face.connect(peer.url, originator="Ctest")
    error = raised.value
    assert (error.status, error.reason, error.body) == (403, "Forbidden", b"unknown AE\r\n")
    assert error.headers["content-type"] == "text/plain"
    assert error.headers["x-why"] == "first, second"
    assert isinstance(error, ConnectionError)


@pytest.mark.parametrize("subprotocol", [None, "oneM2M.xml", "chat"])
def test_no_common_subprotocol(face: Face, subprotocol: str | None) -> None:
    with Peer(subprotocol=subprotocol) as peer, pytest.raises(errors.SubprotocolError):
        face.connect(peer.url, originator="Ctest")


def test_a_server_without_subprotocol_can_be_tolerated(face: Face) -> None:
    settings = {"originator": "Ctest", "registered": True, "allow_missing_subprotocol": True}
    with Peer(subprotocol=None) as peer, face.connect(peer.url, **settings) as ae:
        assert ae.retrieve("cse-in").ok


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"preset": "nonsense"}, "nonsense"),
        ({"accepts": "some"}, "accepts"),
        ({"request_timeout": -1}, "request_timeout"),
        ({"request_timeout": 0}, "request_timeout"),
        ({"open_timeout": math.nan}, "open_timeout"),
        ({"answer_timeout": math.inf}, "answer_timeout"),
        ({"reopen_delay": -1.0}, "reopen_delay"),
        ({"ping_after": -1.0}, "ping_after"),
        ({"pong_timeout": 0}, "pong_timeout"),
        ({"write_timeout": math.inf}, "write_timeout"),
        ({"close_timeout": -1}, "close_timeout"),
        ({"idle_close": 4e7}, "idle_close"),
        ({"message_gap": 4e7}, "message_gap"),
        ({"window": 0}, "window"),
        ({"window": -1}, "window"),
        ({"max_message_size": 0}, "max_message_size"),
        ({"max_message_size": 2**64}, "max_message_size"),
        ({"max_fragments": 0}, "max_fragments"),
        ({"fragment_size": -1}, "fragment_size"),
        ({"max_control_frames": 0}, "max_control_frames"),
        ({"max_control_frames": 2**32}, "max_control_frames"),
        ({"max_handshake_bytes": 255}, "max_handshake_bytes"),
        ({"max_handshake_bytes": 2**20 + 1}, "max_handshake_bytes"),
        ({"max_handshake_fields": 7}, "max_handshake_fields"),
        ({"max_handshake_fields": 1025}, "max_handshake_fields"),
        ({"compression": onem2m_ws.Compression(level=0)}, "level is 0"),
        ({"compression": onem2m_ws.Compression(send_window_bits=7)}, "send_window_bits is 7"),
        ({"compression": onem2m_ws.Compression(receive_window_bits=256)}, "receive_window_bits: 256"),
        ({"compression": onem2m_ws.Compression(min_size=-1)}, "min_size: -1"),
        ({"compression": 6}, "compression"),
        ({"queue_requests": 100_000}, "queue"),
        ({"subprotocols": ["chat"]}, "chat"),
        ({"subprotocols": []}, "subprotocol"),
        ({"registered": True, "originator": None}, "registered"),
        ({"repeat": "sometimes"}, "repeat.*idempotent"),
        ({"outbox": 5}, "outbox"),
        ({"outbox": onem2m_ws.Outbox(requests=0)}, "outbox: requests"),
        ({"outbox": onem2m_ws.Outbox(requests=1_000_001)}, "outbox: requests"),
        ({"outbox": onem2m_ws.Outbox(bytes=-1)}, "outbox: bytes"),
        ({"outbox": onem2m_ws.Outbox(when_full="drop")}, "outbox: when_full.*drop_oldest"),
        ({"outbox": onem2m_ws.Outbox(lifetime=0)}, "outbox: lifetime"),
        ({"outbox": onem2m_ws.Outbox(lifetime=4e7)}, "outbox: lifetime"),
        ({"outbox": onem2m_ws.Outbox(rate=0)}, "outbox: rate"),
        ({"outbox": onem2m_ws.Outbox(rate=math.nan)}, "outbox: rate"),
        ({"outbox": onem2m_ws.Outbox(window=0)}, "outbox: window"),
        ({"outbox": onem2m_ws.Outbox(window=257)}, "outbox: window"),
        ({"outbox": onem2m_ws.Outbox(repeat="")}, "outbox: repeat"),
        ({"schedule": "* * *"}, "schedule"),
        ({"schedule": ["* * * * * *", "* 0-75 2 * * *"]}, "schedule entry 2, minute"),
        ({"schedule": ["* * * * * *"] * 33}, "schedule"),
        ({"outside_window": "later"}, "outside_window.*hold"),
    ],
)
def test_settings_out_of_range(face: Face, peer: Peer, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(errors.ArgumentError, match=text):
        face.connect(peer.url, **{"originator": "Ctest", **settings})
    assert peer.handshakes == []


def test_settings_at_their_edges(face: Face, peer: Peer) -> None:
    year = 365.0 * 24 * 3600
    one = dict.fromkeys(("max_message_size", "max_fragments", "fragment_size", "max_control_frames"), 1 << 31)
    edges: list[dict[str, Any]] = [
        {
            **one,
            "max_handshake_bytes": 256,
            "max_handshake_fields": 8,
            "idle_close": 0,
            "message_gap": 0,
            "ping_after": 0,
        },
        {"max_fragments": 1, "fragment_size": 1, "max_control_frames": 1, "idle_close": year, "ping_after": year},
        {"fragment_size": 0, "max_handshake_bytes": 2**20, "max_handshake_fields": 1024, "pong_timeout": year},
        {"write_timeout": year, "close_timeout": year, "compression": False, "proxy": False},
        {"outbox": onem2m_ws.Outbox(1, 1 << 20, "refuse", year, 1e-3, 1, "never"), "schedule": (), "repeat": "never"},
        {"outbox": onem2m_ws.Outbox(1_000_000, 1 << 40, "drop_oldest", 1e-3, 1e6, 256, "idempotent"), "repeat": "all"},
        {"schedule": ["* * * * * *"] * 32, "outside_window": "hold", "patient": True, "keep_registered": False},
        {"compression": True},
        {"compression": onem2m_ws.Compression(True, True, 8, 9, 1, 0)},
    ]
    for settings in edges:
        with face.connect(peer.url, originator="Ctest", registered=True, **settings) as ae:
            assert ae.retrieve("cse-in").ok
    offered = ["permessage-deflate" in handshake for handshake in peer.handshakes]
    assert offered == [False] * 7 + [True, True]
    assert "client_max_window_bits=8" in peer.handshakes[-1]


@pytest.mark.parametrize(
    "address", ["", "localhost:9000", "http://localhost:9000", "ws://", "ws://host:70000", "ws://\x00"]
)
def test_addresses_that_are_none(face: Face, address: str) -> None:
    with pytest.raises(errors.ArgumentError):
        face.connect(address, originator="Ctest")


def test_arguments_of_the_wrong_type(face: Face, ae: Any) -> None:
    with pytest.raises(errors.ArgumentError):
        face.connect(9000)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ae.retrieve(5)
    with pytest.raises(TypeError):
        ae.create("x", ty="container", content={"m2m:cnt": {}})
    assert ae.retrieve("cse-in").ok


CYCLE: dict[str, Any] = {}
CYCLE["m2m:cnt"] = CYCLE


@pytest.mark.parametrize(
    "content",
    [
        5,
        "text",
        b'{"m2m:cnt":{}}',
        ["m2m:cnt"],
        True,
        {},
        {"m2m:cnt": {}, "m2m:cin": {}},
        {"m2m:cnt": object()},
        {"m2m:cnt": {"x": math.nan}},
        {"m2m:cnt": {"x": {1, 2}}},
        {"m2m:cnt": {"rn": "\ud800"}},
        {"m2m:cnt": {"\udfff": 1}},
        CYCLE,
    ],
    ids=str,
)
def test_content_that_is_none(ae: Any, peer: Peer, content: Any) -> None:
    with pytest.raises(errors.ArgumentError, match="content"):
        ae.create("cse-in", ty=3, content=content)
    assert ae.retrieve("cse-in").ok
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    "request_",
    [
        onem2m_ws.Request(2, "\ud800"),
        onem2m_ws.Request(2, "x", originator="\ud800"),
        onem2m_ws.Request(6, "x"),
        onem2m_ws.Request(0, "x", result_content=1),
        onem2m_ws.Request(2, "x", request_id=""),
        onem2m_ws.Request(2, "x", expires_in=-1),
        onem2m_ws.Request(2, "x", expires_in=math.nan),
        onem2m_ws.Request(2, "x", result_content=-1),
        onem2m_ws.Request(1, "x", ty=-1, content={"m2m:cnt": {}}),
        onem2m_ws.Request(1, "x", ty=2**40, content={"m2m:cnt": {}}),
        onem2m_ws.Request(2, "x", parameters={"rcn": "many"}),
        onem2m_ws.Request(2, "x", parameters={"rt": 1}),
        onem2m_ws.Request(2, "x", parameters={"op": 1}),
        onem2m_ws.Request(2, "x", parameters={"pc": {"m2m:cnt": {}}}),
        onem2m_ws.Request(2, "x", parameters={"rsc": 2000}),
    ],
    ids=str,
)
def test_requests_that_are_none(ae: Any, peer: Peer, request_: onem2m_ws.Request) -> None:
    with pytest.raises(errors.ArgumentError):
        ae.send(request_)
    with pytest.raises(errors.ArgumentError):
        ae.post(request_)
    assert ae.retrieve("cse-in").ok
    assert len(peer.requests) == 1


def test_ws_6_4_3_a_request_before_the_registration(face: Face, peer: Peer) -> None:
    with face.connect(peer.url, originator="Ctest") as ae:
        with pytest.raises(errors.NotRegisteredError):
            ae.retrieve("cse-in")
        assert peer.requests == []
        ae.register_ae(app_id="Ntest")
        assert ae.retrieve("cse-in").ok


def test_a_registration_that_is_refused(face: Face, peer: Peer) -> None:
    peer.answer = lambda request: {"rsc": 4103, "pc": {"m2m:dbg": "originator not allowed"}}
    with face.connect(peer.url, originator="Ctest") as ae:
        with pytest.raises(errors.RegistrationRefusedError, match=r"4103.*originator not allowed") as raised:
            ae.register_ae(app_id="Ntest")
        response = raised.value.response
        assert isinstance(response, onem2m_ws.Response)
        assert response.status == 4103 and response.debug == "originator not allowed"
        peer.answer = agreeable
        assert ae.register_ae(app_id="Ntest").entity == "Ctest"


@pytest.mark.parametrize("lifetime", [0.9, -1.0, math.nan])
def test_a_registration_that_would_not_last(face: Face, peer: Peer, lifetime: float) -> None:
    with face.connect(peer.url, originator="Ctest") as ae:
        with pytest.raises(errors.ArgumentError, match="lifetime"):
            ae.register_ae(app_id="Ntest", lifetime=lifetime)
        with pytest.raises(errors.ArgumentError, match="lifetime"):
            ae.register_cse(cse_id="/test", cse_name="cse-mn", lifetime=lifetime)
        assert peer.requests == []
        ae.register_ae(app_id="Ntest", lifetime=1.0)
        assert "et" in peer.requests[0]["pc"]["m2m:ae"]


def test_send_after_close(ae: Any) -> None:
    ae.close()
    with pytest.raises(errors.ClosedError):
        ae.retrieve("cse-in")
    with pytest.raises(errors.ClosedError):
        ae.connect()
    with pytest.raises(errors.ClosedError):
        ae.post(onem2m_ws.Request(2, "cse-in"))
    with pytest.raises(errors.ClosedError):
        ae.flush()
    assert ae.outbox == []
    ae.close()
    assert ae.state.state == "closed"


def test_an_identifier_that_is_in_use(face: Face, peer: Peer) -> None:
    peer.answer = lambda request: None
    ended: list[BaseException] = []
    with face.connect(peer.url, originator="Ctest", registered=True) as ae:
        request = onem2m_ws.Request(2, "cse-in", request_id="same")

        def send() -> None:
            try:
                ae.send(request)
            except errors.ClosedError as error:
                ended.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        until(lambda: peer.requests)
        with pytest.raises(errors.DuplicateRequestIdError, match="same"):
            ae.send(request)
        ae.abort()
        thread.join(5)
    assert len(ended) == 1


def test_no_response(face: Face, peer: Peer) -> None:
    peer.answer = lambda request: None
    with face.connect(peer.url, originator="Ctest", registered=True, request_timeout=0.2) as ae:
        with pytest.raises(errors.RequestTimeoutError) as raised:
            ae.retrieve("cse-in")
        assert isinstance(raised.value, TimeoutError)
        peer.answer = agreeable
        assert ae.retrieve("cse-in").ok
    with face.connect(peer.url, originator="Ctest", registered=True) as ae:
        peer.answer = lambda request: None
        with pytest.raises(errors.RequestTimeoutError):
            ae.retrieve("cse-in", expires_in=0.2)
        peer.answer = agreeable
        assert int(peer.requests[-1]["rqet"]) == 200


def test_a_connection_that_breaks_while_a_request_waits(face: Face, peer: Peer) -> None:
    def answer(request: Message) -> None:
        peer.drop()

    peer.answer = answer
    with face.connect(peer.url, originator="Ctest", registered=True) as ae:
        with pytest.raises(errors.ConnectionLostError):
            ae.retrieve("cse-in")
        peer.answer = agreeable
        assert ae.retrieve("cse-in").ok


def test_a_message_that_is_too_big(face: Face, peer: Peer) -> None:
    big = {"m2m:cnt": {"rn": "x" * 2000}}
    peer.answer = lambda request: {"rsc": 2000, "pc": big}
    with face.connect(peer.url, originator="Ctest", registered=True, max_message_size=1000) as ae:
        with pytest.raises(errors.ConnectionLostError, match="1000"):
            ae.retrieve("cse-in")
        peer.answer = agreeable
        assert ae.retrieve("cse-in").ok
        assert peer.closes[0] == 1009


def test_a_full_queue(face: Face, peer: Peer) -> None:
    peer.answer = lambda request: None
    outcomes: list[type[Exception]] = []
    with face.connect(
        peer.url, originator="Ctest", registered=True, window=1, queue_requests=2, request_timeout=1
    ) as ae:

        def send() -> None:
            try:
                ae.retrieve("cse-in")
            except errors.OneM2MError as error:
                outcomes.append(type(error))

        threads = [threading.Thread(target=send) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert sorted(kind.__name__ for kind in outcomes) == ["QueueFullError"] * 2 + ["RequestTimeoutError"] * 3
        peer.answer = agreeable
        assert ae.retrieve("cse-in").ok
