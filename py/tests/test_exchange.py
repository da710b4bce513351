"""The main job at our own registrar, with both faces: register, exchange both ways, go offline, come back."""

from __future__ import annotations

import gc
import queue
import threading
from pathlib import Path
from typing import Any

import pytest
from faces import Face
from peer import Peer, until

import onem2m_ws
from onem2m_ws import errors, sync

Registrar = sync.Registrar


def registered(face: Face, registrar: Registrar, name: str, **settings: Any) -> Any:
    client = face.connect(registrar.url, originator=f"C{name}", **settings)
    client.register_ae(app_id="Ntest", name=name)
    return client


def test_registration_gives_the_identity(face: Face, registrar: Registrar, name: str) -> None:
    with face.connect(registrar.url, originator=f"C{name}") as ae:
        assert getattr(ae, "registration") is None  # noqa: B009 - mypy takes it for the value below as well
        registration = ae.register_ae(app_id="Ntest", name=name, attributes={"lbl": ["room:7"]})
        assert registration == ae.registration == onem2m_ws.Registration(f"C{name}", "AE")
        resource = ae.retrieve(f"cse-in/{name}").content["m2m:ae"]
        assert (resource["api"], resource["lbl"]) == ("Ntest", ["room:7"])


def test_ws_6_4_2_an_ae_id_is_assigned(face: Face, registrar: Registrar, name: str) -> None:
    with face.connect(registrar.url) as ae:
        registration = ae.register_ae(app_id="Ntest", name=name, registrar="cse-in")
        assert registration.entity.startswith("C") and len(registration.entity) > 1
        assert ae.create(f"cse-in/{name}", ty=3, content={"m2m:cnt": {}}).ok


def test_a_cse_registers(face: Face, registrar: Registrar, name: str) -> None:
    with face.connect(registrar.url, originator=f"/{name}") as cse:
        registration = cse.register_cse(cse_id=f"/{name}", cse_name="cse-mn")
        assert registration == onem2m_ws.Registration(f"/{name}", "CSE")


def test_each_verb(face: Face, registrar: Registrar, name: str) -> None:
    with registered(face, registrar, name) as ae:
        made = ae.create(f"cse-in/{name}", ty=onem2m_ws.ResourceType.CONTAINER, content={"m2m:cnt": {"rn": "data"}})
        assert made.status == 2001 and made.status is onem2m_ws.StatusCode.CREATED and made.ok
        assert made.content["m2m:cnt"]["rn"] == "data"
        assert made.request_id and made.parameters["rqi"] == made.request_id
        target = f"cse-in/{name}/data"
        assert ae.retrieve(target).content["m2m:cnt"]["cni"] == 0
        assert ae.update(target, content={"m2m:cnt": {"mni": 7}}).status == 2004
        assert ae.retrieve(target, result_content=onem2m_ws.ResultContent.ATTRIBUTES).content["m2m:cnt"]["mni"] == 7
        assert ae.update(target, content={"m2m:cnt": {"mni": None}}).ok
        assert "mni" not in ae.retrieve(target).content["m2m:cnt"]
        assert ae.delete(target, result_content=0).status == 2002
        gone = ae.retrieve(target)
        assert gone.status == 4004 and not gone.ok
        with pytest.raises(errors.ResponseError, match="4004 NOT_FOUND") as raised:
            gone.raise_for_status()
        assert raised.value.response is gone


def test_a_request_with_parameters_of_all_kinds(face: Face, registrar: Registrar, name: str) -> None:
    with registered(face, registrar, name) as ae:
        request = onem2m_ws.Request(
            2, "cse-in", request_id=f"mine-{name}", expires_in=5.0, parameters={"vsi": "vendor", "ec": 3}
        )
        response = ae.send(request)
        assert response.ok and response.request_id == f"mine-{name}"
        as_admin = ae.retrieve("cse-in", originator="CAdmin")
        assert as_admin.status in (2000, 4103)  # who may say so is the registrar's matter


def test_notify_reaches_the_other_entity(face: Face, registrar: Registrar, name: str) -> None:
    with registered(face, registrar, name) as one, registered(face, registrar, f"{name}b") as other:
        seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        other.on_request(lambda request: seen.put((request.operation, request.content)))
        content = {"m2m:sgn": {"sur": "cse-in/x", "nev": {"rep": {"m2m:cin": {"con": "1"}}}}}
        assert one.notify(f"cse-in/{name}b", content=content).ok
        assert seen.get(timeout=5) == (onem2m_ws.Operation.NOTIFY, content)


def test_discovery(face: Face, registrar: Registrar, name: str) -> None:
    with registered(face, registrar, name) as ae:
        for number in range(4):
            labels = [f"{name}:even"] if number % 2 == 0 else []
            ae.create(f"cse-in/{name}", ty=3, content={"m2m:cnt": {"rn": f"c{number}", "lbl": labels}})
        found = [f"cse-in/{name}/c{number}" for number in range(4)]
        assert (
            sorted(address.strip("/").split("id-in/")[-1] for address in ae.discover(f"cse-in/{name}").addresses)
            == found
        )
        even = ae.discover(f"cse-in/{name}", types=[3], labels=[f"{name}:even"]).addresses
        assert [address.rpartition("/")[2] for address in sorted(even)] == ["c0", "c2"]
        assert len(ae.discover(f"cse-in/{name}", limit=1).addresses) == 1
        assert ae.discover(f"cse-in/{name}", types=[23]).addresses == []
        nothing = ae.discover(f"cse-in/{name}/nowhere")
        assert nothing.status == 4004 and nothing.addresses == []


def test_integers_of_64_bits_are_exact(face: Face, registrar: Registrar, name: str) -> None:
    with registered(face, registrar, name) as ae:
        for value in (2**63 - 1, 9007199254740993, 0):
            made = ae.create(f"cse-in/{name}", ty=3, content={"m2m:cnt": {"mbs": value}})
            assert made.content["m2m:cnt"]["mbs"] == value


def test_text_survives(face: Face, registrar: Registrar, name: str) -> None:
    with registered(face, registrar, name) as ae:
        ae.create(f"cse-in/{name}", ty=3, content={"m2m:cnt": {"rn": "data"}})
        for text in ("", "21.5 °C", "\x00\x1f\x7f\u2028", "\U0001f321" * 3000, '"\\'):
            ae.create(f"cse-in/{name}/data", ty=4, content={"m2m:cin": {"con": text}}).raise_for_status()
            assert ae.retrieve(f"cse-in/{name}/data/la").content["m2m:cin"]["con"] == text


def test_ws_5_2_10_notified_on_the_own_connection(face: Face, registrar: Registrar, name: str) -> None:
    with registered(face, registrar, name) as sensor, registered(face, registrar, f"{name}b") as actuator:
        sensor.create(f"cse-in/{name}", ty=3, content={"m2m:cnt": {"rn": "data"}})
        seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        subscription = actuator.subscribe(f"cse-in/{name}/data", seen.put, name="sub")
        assert subscription.response.status == 2001
        assert subscription.address == f"cse-in/{name}/data/sub"
        for value in ("1", "2", "3"):
            assert sensor.create(f"cse-in/{name}/data", ty=4, content={"m2m:cin": {"con": value}}).ok
        notifications = [seen.get(timeout=5) for _ in range(3)]
        assert [n.representation["m2m:cin"]["con"] for n in notifications] == ["1", "2", "3"]
        assert notifications[0].event == onem2m_ws.NotificationEventType.CREATE_OF_DIRECT_CHILD_RESOURCE
        assert notifications[0].request.operation == 5
        assert not notifications[0].is_last
        assert subscription.delete().ok
        sensor.create(f"cse-in/{name}/data", ty=4, content={"m2m:cin": {"con": "4"}})
        # The registrar may say that the subscription is gone; a reading may not come any more.
        assert seen.empty() or seen.get().is_last


def test_subscribing_to_nothing_is_an_error(face: Face, registrar: Registrar, name: str) -> None:
    with registered(face, registrar, name) as ae:
        with pytest.raises(errors.ResponseError, match="subscribing to cse-in/nowhere: 4004"):
            ae.subscribe("cse-in/nowhere", print)
        assert ae.retrieve("cse-in").ok


def test_ws_5_2_9_reconnected_without_registration_and_stored_notifications_arrive_in_order(
    face: Face, registrar: Registrar, name: str
) -> None:
    with registered(face, registrar, name) as sensor:
        sensor.create(f"cse-in/{name}", ty=3, content={"m2m:cnt": {"rn": "data"}})
        seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with registered(face, registrar, f"{name}b") as actuator:
            actuator.subscribe(f"cse-in/{name}/data", lambda n: seen.put(n.representation["m2m:cin"]["con"]))
            actuator.disconnect()
            assert actuator.state.state == "disconnected"
            for value in ("1", "2", "3"):
                assert sensor.create(f"cse-in/{name}/data", ty=4, content={"m2m:cin": {"con": value}}).ok
            assert seen.empty()
            actuator.connect()
            assert [seen.get(timeout=5) for _ in range(3)] == ["1", "2", "3"]
            assert actuator.counters["connections"] == 2
            actuator.disconnect()
            assert sensor.create(f"cse-in/{name}/data", ty=4, content={"m2m:cin": {"con": "4"}}).ok
            # The next request opens the connection, too (WS-5.2-6).
            assert actuator.retrieve("cse-in").ok
            assert seen.get(timeout=5) == "4"


def test_stored_notifications_wait_for_a_program_that_was_started_anew(
    face: Face, registrar: Registrar, name: str
) -> None:
    with registered(face, registrar, name) as sensor:
        sensor.create(f"cse-in/{name}", ty=3, content={"m2m:cnt": {"rn": "data"}})
        with registered(face, registrar, f"{name}b") as actuator:
            actuator.subscribe(f"cse-in/{name}/data", print)
        sensor.create(f"cse-in/{name}/data", ty=4, content={"m2m:cin": {"con": "1"}})
        seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with face.connect(registrar.url, originator=f"C{name}b", registered=True) as again:
            again.on_request(lambda request: seen.put(request.content["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"]))
            assert seen.get(timeout=5) == "1"


def test_changes_of_the_connection_are_told(face: Face, registrar: Registrar, name: str) -> None:
    states: list[onem2m_ws.StateChange] = []
    closed = threading.Event()
    ae = registered(face, registrar, name)

    def note(change: onem2m_ws.StateChange) -> None:
        states.append(change)
        if change.state == "closed":
            closed.set()

    ae.on_state(note)
    assert ae.state.state == "registered"
    ae.disconnect()
    ae.connect()
    ae.close()
    assert closed.wait(5)
    told = [change.state for change in states]
    there_and_back = ["closing", "disconnected", "connecting", "open", "registered", "closing", "closed"]
    assert told[-len(there_and_back) :] == there_and_back
    assert ae.state.state == "closed"


def test_a_registrar_starts_and_stops(face: Face) -> None:
    with face.registrar(listen="ws://127.0.0.1:0", cse_id="/id-x", cse_name="cse-x", admin="Croot") as registrar:
        url = registrar.url
        assert url.startswith("ws://127.0.0.1:") and registrar.points_of_access == [url]
        with face.connect(url, originator="Croot", registered=True) as admin:
            assert admin.retrieve("cse-x").content["m2m:cb"]["csi"] == "/id-x"
        with pytest.raises(errors.StateError):
            registrar.start()
    with pytest.raises(errors.StateError):
        print(registrar.url)
    with pytest.raises(errors.ConnectionRefusedError):
        face.connect(url)


def test_a_registrar_that_cannot_listen(face: Face, registrar: Registrar) -> None:
    with pytest.raises(OSError, match=registrar.url.rpartition(":")[2]):
        face.registrar(listen=registrar.url).start()
    with pytest.raises(errors.ArgumentError):
        face.registrar(listen="http://127.0.0.1:0").start()
    with pytest.raises(errors.ArgumentError):
        face.registrar(listen="ws://127.0.0.1:0", cse_id="not an id").start()


def test_a_connection_that_is_lost_is_logged_and_one_that_is_refused_is_raised(
    face: Face, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    with face.connect(peer.url, originator="Ctest", registered=True) as ae:
        peer.drop()
        until(lambda: ae.counters["connections"] == 2)
        until(lambda: "next attempt in" in caplog.text)
    assert [record.name for record in caplog.records if record.levelname == "WARNING"] == ["onem2m_ws.connection"]
    caplog.clear()
    with pytest.raises(errors.ConnectionRefusedError):
        face.connect("ws://127.0.0.1:1")
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


def test_ws_5_2_5_either_side_closes_and_the_client_opens_again(face: Face, peer: Peer) -> None:
    with face.connect(peer.url, originator="Ctest", registered=True) as ae:
        peer.close()
        until(lambda: ae.counters["connections"] == 2)
        ae.disconnect()
        assert peer.closes[-1] == 1000 and len(peer.handshakes) == 2
        assert ae.retrieve("cse-in").ok
        assert len(peer.handshakes) == 3


def test_clients_leave_nothing_behind(face: Face, peer: Peer) -> None:
    def descriptors() -> int:
        gc.collect()
        folder = Path("/proc/self/fd")
        return len(list(folder.iterdir())) if folder.is_dir() else 0

    def use() -> None:
        with face.connect(peer.url, originator="Ctest", registered=True) as ae:
            ae.on_request(lambda request: 2000)
            assert peer.ask(2, "Ctest/x")["rsc"] == 2000
            assert ae.retrieve("cse-in").ok

    use()
    until(lambda: threading.active_count() < 20)
    before, threads = descriptors(), threading.active_count()
    for _ in range(30):
        use()
    until(lambda: descriptors() <= before + 2 and threading.active_count() <= threads + 1)
