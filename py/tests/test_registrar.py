"""The settings of the embedded registrar: what each does, and what is refused."""

from __future__ import annotations

import contextlib
import gc
import queue
from pathlib import Path
from typing import Any

import pytest
from faces import Face
from peer import until

from onem2m_ws import Compression, errors, events

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
        ({"notification_age": 0}, "notification_age"),
        ({"notification_age": 4e7}, "notification_age"),
        ({"result_persistence": 0}, "result_persistence"),
        ({"delivery_window": 0}, "delivery_window"),
        ({"delivery_window": 257}, "delivery_window"),
        ({"take_over": "oldest"}, "take_over.*probe"),
        ({"flapping": (0, 60.0)}, "flapping: count"),
        ({"flapping": (10_001, 60.0)}, "flapping: count"),
        ({"flapping": (15, 0.0)}, "flapping: within"),
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
        notification_age=5,
        result_persistence=5,
        delivery_window=256,
        take_over="refuse",
        flapping=(10_000, 1),
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


def test_what_a_registrar_keeps_is_there_in_the_next_run(face: Face, name: str, tmp_path: Path) -> None:
    file = tmp_path / "store"
    with face.registrar(listen=LISTEN, store=file) as registrar:
        url = registrar.url
        with face.connect(url, originator=f"C{name}") as ae:
            ae.register_ae(app_id="Ntest", name=name)
            assert ae.create(f"cse-in/{name}", ty=3, content={"m2m:cnt": {"rn": "data"}}).ok
            ae.subscribe(f"cse-in/{name}/data", print, name="sub")
        with face.connect(url, originator="CAdmin", registered=True) as admin:
            assert admin.create(f"cse-in/{name}/data", ty=4, content={"m2m:cin": {"con": "missed"}}).ok
        with pytest.raises(errors.StorageError, match="store"):
            face.registrar(listen=LISTEN, store=str(file)).start()
    with face.registrar(listen=LISTEN, store=str(file)) as registrar:
        seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with face.connect(registrar.url, originator=f"C{name}", registered=True) as ae:
            ae.on_request(lambda request: seen.put(request.content["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"]))
            assert seen.get(timeout=10) == "missed"
            assert ae.retrieve(f"cse-in/{name}/data").content["m2m:cnt"]["cni"] == 1
        until(lambda: registrar.counters["delivered"] == 1)
    file.write_bytes(b"something else, and long enough to be looked at" * 100)
    with pytest.raises(errors.StorageError, match="store"):
        face.registrar(listen=LISTEN, store=file).start()


def test_events_of_registrees(face: Face, name: str) -> None:
    told: queue.SimpleQueue[events.RegistrarEvent] = queue.SimpleQueue()
    registrar = face.registrar(listen=LISTEN)
    registrar.on_event(told.put)
    with registrar, face.connect(registrar.url, originator=f"C{name}") as ae:
        ae.register_ae(app_id="Ntest", name=name)
        assert told.get(timeout=5) == events.Registered(f"C{name}")
        assert told.get(timeout=5) == events.Reachable(f"C{name}")
        ae.disconnect()
        gone = told.get(timeout=5)
        assert isinstance(gone, events.Unreachable) and gone.entity == f"C{name}" and gone.cause
        ae.connect()
        ae.retrieve("cse-in")
        assert told.get(timeout=5) == events.Reachable(f"C{name}")
        assert ae.delete(f"cse-in/{name}").ok
        assert events.Deregistered(f"C{name}") in [told.get(timeout=5), *([] if told.empty() else [told.get()])]


@pytest.mark.parametrize("take_over", ["probe", "refuse", "newest"])
def test_ws_5_2_3_what_a_newcomer_meets(face: Face, name: str, take_over: str) -> None:
    with face.registrar(listen=LISTEN, take_over=take_over, flapping=(1, 60.0)) as registrar:
        told: queue.SimpleQueue[events.RegistrarEvent] = queue.SimpleQueue()
        settings: dict[str, Any] = {"originator": f"C{name}", "keep_registered": False}
        with face.connect(registrar.url, **settings) as ae:
            ae.register_ae(app_id="Ntest", name=name)
            registrar.on_event(told.put)  # what came before comes now
            assert told.get(timeout=5) == events.Registered(f"C{name}")
            assert told.get(timeout=5) == events.Reachable(f"C{name}")
            with face.connect(registrar.url, registered=True, stay_connected=False, **settings) as newcomer:
                if take_over == "newest":
                    assert newcomer.retrieve("cse-in").ok
                    assert told.get(timeout=5) == events.TakenOver(f"C{name}")
                    assert registrar.counters["taken_over"] == 1
                else:
                    # Closed at once, or when the one before has given a sign of life.
                    with contextlib.suppress(errors.OneM2MError):
                        newcomer.retrieve("cse-in")
                    refused = told.get(timeout=5)
                    assert isinstance(refused, events.NewcomerRefused) and refused.entity == f"C{name}"
                    assert registrar.counters["taken_over"] == 0
                    assert ae.retrieve("cse-in").ok


def test_what_was_not_fetched_in_time_is_told(face: Face, name: str) -> None:
    with face.registrar(listen=LISTEN, notification_age=0.2, delivery_window=256) as registrar:
        told: queue.SimpleQueue[events.RegistrarEvent] = queue.SimpleQueue()
        registrar.on_event(told.put)
        with face.connect(registrar.url, originator=f"C{name}") as ae:
            ae.register_ae(app_id="Ntest", name=name)
            assert ae.create(f"cse-in/{name}", ty=3, content={"m2m:cnt": {"rn": "data"}}).ok
            ae.subscribe(f"cse-in/{name}/data", print)
        with face.connect(registrar.url, originator="CAdmin", registered=True) as admin:
            assert admin.create(f"cse-in/{name}/data", ty=4, content={"m2m:cin": {"con": "missed"}}).ok
        event = told.get(timeout=10)
        while not isinstance(event, events.RequestExpired):
            event = told.get(timeout=10)
        assert event.entity == f"C{name}" and event.request_id
        assert registrar.counters["expired"] == 1


def test_a_handler_of_events_that_fails_is_logged(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    registrar = face.registrar(listen=LISTEN)

    @registrar.on_event  # type: ignore[untyped-decorator]
    def fails(event: events.RegistrarEvent) -> None:
        raise KeyError("a defect of the program")

    with registrar, face.connect(registrar.url, originator="Cfails") as ae:
        ae.register_ae(app_id="Ntest")
        until(lambda: any("Registered" in message for message in caplog.messages))
        assert ae.retrieve("cse-in").ok


def test_a_registrar_that_is_forgotten_stops(face: Face) -> None:
    registrar = face.registrar(listen=LISTEN)
    registrar.start()
    url = registrar.url
    with face.connect(url, originator="CAdmin", registered=True) as admin:
        assert admin.retrieve("cse-in").ok
        del registrar
        gc.collect()
        until(lambda: admin.state.state != "registered")
    with pytest.raises(errors.ConnectionRefusedError):
        face.connect(url, originator="CAdmin")
