"""The settings of the embedded registrar: what each does, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from faces import Face
from peer import until

from onem2m_ws import Compression, errors

LISTEN = "ws://127.0.0.1:0"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_connections": 0}, "max_connections"),
        ({"max_half_open": 0}, "max_half_open"),
        ({"max_half_open_per_address": -1}, "max_half_open_per_address"),
        ({"max_handshake_bytes": 255}, "max_handshake_bytes"),
        ({"max_handshake_fields": 1025}, "max_handshake_fields"),
        ({"max_message_size": 0}, "max_message_size"),
        ({"max_fragments": 0}, "max_fragments"),
        ({"fragment_size": -1}, "fragment_size"),
        ({"max_control_frames": 1 << 40}, "max_control_frames"),
        ({"handshake_timeout": 0}, "handshake_timeout"),
        ({"request_timeout": -1}, "request_timeout"),
        ({"answer_timeout": float("nan")}, "answer_timeout"),
        ({"ping_after": 1e9}, "ping_after"),
        ({"pong_timeout": 0}, "pong_timeout"),
        ({"write_timeout": float("inf")}, "write_timeout"),
        ({"close_timeout": 0}, "close_timeout"),
        ({"idle_close": 1e9}, "idle_close"),
        ({"compression": 1}, "compression"),
        ({"compression": Compression(level=10)}, "level is 10"),
        ({"paths": "onem2m"}, "onem2m"),
        ({"allow_origins": ["https://a.example", "null"]}, "null"),
        ({"point_of_access": "nowhere"}, "nowhere"),
        ({"listen": "ws://0.0.0.0:0"}, "allow_insecure"),
    ],
)
def test_what_cannot_work_is_refused_by_name(face: Face, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ArgumentError, match=said):
        face.registrar(**{"listen": LISTEN, **settings}).start()


def test_every_setting_at_once(face: Face) -> None:
    with face.registrar(
        listen=[LISTEN, LISTEN],
        point_of_access="ws://gateway.example:9000",
        allow_insecure=True,
        stray_subprotocols=True,
        strict=True,
        compression=Compression(level=1),
        max_connections=5,
        max_half_open=5,
        max_half_open_per_address=5,
        max_handshake_bytes=4096,
        max_handshake_fields=32,
        max_message_size=100_000,
        max_fragments=10,
        fragment_size=0,
        max_control_frames=10,
        handshake_timeout=5,
        request_timeout=5,
        answer_timeout=5,
        ping_after=0,
        pong_timeout=5,
        write_timeout=5,
        close_timeout=5,
        idle_close=0,
    ) as registrar:
        assert registrar.points_of_access == ["ws://gateway.example:9000"]


def test_ws_6_2_2_1_1_only_the_paths_that_are_served(face: Face) -> None:
    with face.registrar(listen=LISTEN, paths=["/onem2m", "/b"]) as registrar:
        assert registrar.url.endswith("/onem2m")
        with face.connect(registrar.url, originator="CAdmin", registered=True) as admin:
            assert admin.retrieve("cse-in").ok
        with pytest.raises(errors.HandshakeRefusedError) as refused:
            face.connect(registrar.url.replace("/onem2m", ""))
        assert refused.value.status == 404


def test_only_the_web_pages_that_are_allowed(face: Face) -> None:
    with face.registrar(listen=LISTEN, allow_origins="https://a.example") as registrar:
        with face.connect(registrar.url, originator="CAdmin", registered=True, headers={"Origin": "https://a.example"}):
            pass
        with pytest.raises(errors.HandshakeRefusedError) as refused:
            face.connect(registrar.url, headers={"Origin": "https://b.example"})
        assert refused.value.status == 403


def test_one_connection_more_than_there_may_be(face: Face) -> None:
    with face.registrar(listen=LISTEN, max_connections=1) as registrar:
        with face.connect(registrar.url):
            with pytest.raises(errors.HandshakeRefusedError) as refused:
                face.connect(registrar.url)
            assert refused.value.status == 503

        def is_free() -> bool:
            try:
                with face.connect(registrar.url):
                    return True
            except errors.HandshakeRefusedError:
                return False

        until(is_free)


@pytest.mark.parametrize("stray", [True, False])
def test_ws_6_2_2_9_2_stray_names_when_told_so(face: Face, stray: bool) -> None:
    with face.registrar(listen=LISTEN, stray_subprotocols=stray) as registrar:
        settings: dict[str, Any] = {"originator": "CAdmin", "registered": True, "subprotocols": ["oneM2M-pro-v1.0"]}
        if stray:
            with face.connect(registrar.url, **settings) as admin:
                assert admin.retrieve("cse-in").ok
        else:
            with pytest.raises(errors.HandshakeRefusedError) as refused:
                face.connect(registrar.url, **settings)
            assert refused.value.status == 400


@pytest.mark.parametrize("compression", [True, Compression(send_takeover=True, receive_takeover=True, level=9)])
def test_ws_6_2_3_6_1_messages_may_be_compressed(face: Face, compression: bool | Compression) -> None:
    connecting: dict[str, Any] = {"originator": "CAdmin", "registered": True, "compression": True}
    with (
        face.registrar(listen=LISTEN, compression=compression) as registrar,
        face.connect(registrar.url, **connecting) as admin,
    ):
        content = "21.5 degC; " * 5000
        assert admin.create("cse-in", ty=3, content={"m2m:cnt": {"rn": "zip"}}).ok
        assert admin.create("cse-in/zip", ty=4, content={"m2m:cin": {"con": content}}).ok
        assert admin.retrieve("cse-in/zip/la").content["m2m:cin"]["con"] == content
