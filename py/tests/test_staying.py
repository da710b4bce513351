"""Staying connected and registered, with both faces: patience, the state file, events, repeating, schedules."""

from __future__ import annotations

import logging
import queue
import shutil
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from faces import Face
from peer import Message, Peer, agreeable, until
from test_bad_input import free_port

import onem2m_ws
from onem2m_ws import errors, events, sync

#: Delays of a client that a test waits for.
QUICK: dict[str, Any] = {"reopen_delay": 0.02, "reopen_delay_max": 0.1}


def restarted(url: str) -> sync.Registrar:
    """A registrar where one was a moment ago."""
    registrar = sync.Registrar(listen=url)

    def starts() -> bool:
        try:
            registrar.start()
        except errors.NetworkError:
            return False
        return True

    until(starts)
    return registrar


def followed(ae: Any) -> queue.SimpleQueue[events.Event]:
    told: queue.SimpleQueue[events.Event] = queue.SimpleQueue()
    ae.on_event(told.put)
    return told


def operations(peer: Peer) -> list[int]:
    return [request["op"] for request in peer.requests]


def test_ws_5_2_6_a_patient_client_goes_on_until_the_registrar_is_there(face: Face) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    registrar = sync.Registrar(listen=url)
    later = threading.Timer(0.3, registrar.start)
    later.start()
    with face.connect(url, originator="CAdmin", registered=True, patient=True, **QUICK) as ae:
        assert ae.retrieve("cse-in").ok
    later.join()
    registrar.stop()


def test_ws_5_2_5_patience_ends_where_trying_again_is_pointless(face: Face) -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with Peer(greeting=refusal) as peer:
        with pytest.raises(errors.HandshakeRefusedError) as refused:
            face.connect(peer.url, originator="Ctest", patient=True, **QUICK)
        assert refused.value.status == 403 and len(peer.handshakes) == 1


def test_ws_5_2_6_the_first_request_opens_the_connection(face: Face, peer: Peer) -> None:
    with face.connect(peer.url, originator="Ctest", registered=True, open_now=False) as ae:
        time.sleep(0.05)
        assert ae.state == onem2m_ws.StateChange("disconnected", None, 0, None)
        assert peer.handshakes == []
        assert ae.retrieve("cse-in").ok
        assert ae.state.state == "registered"


def test_a_disconnection_that_was_asked_for_is_no_warning(
    face: Face, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "onem2m_ws.connection")
    with face.connect(peer.url, originator="Ctest", registered=True, **QUICK) as ae:
        ae.disconnect()
        ae.connect()
        until(lambda: "registered" in caplog.messages[-1])
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
        peer.drop()
        until(lambda: any(record.levelno == logging.WARNING for record in caplog.records))


def test_ws_5_2_9_a_registrar_that_has_forgotten_is_registered_at_again(face: Face, name: str) -> None:
    with sync.Registrar(listen="ws://127.0.0.1:0") as registrar:
        url = registrar.url
        ae = face.connect(url, originator=f"C{name}", **QUICK)
        told = followed(ae)
        ae.register_ae(app_id="Ntest", name=name)
    registrar = restarted(url)
    try:
        assert told.get(timeout=20) == events.RegisteredAgain(f"C{name}")
        assert ae.retrieve(f"cse-in/{name}").ok
        ae.close()
    finally:
        registrar.stop()


def test_a_registration_is_left_alone_when_told_so(face: Face, peer: Peer) -> None:
    with face.connect(peer.url, originator="Ctest", keep_registered=False, **QUICK) as ae:
        ae.register_ae(app_id="Ntest")
        peer.drop()
        until(lambda: len(peer.handshakes) == 2)
        assert ae.delete("elsewhere").ok
        assert operations(peer) == [1, 4]


def test_ws_6_4_4_a_registration_is_confirmed_and_what_fails_is_told(face: Face, peer: Peer, ae: Any) -> None:
    told = followed(ae)
    peer.drop()
    assert told.get(timeout=10) == events.RegistrationConfirmed(None)
    until_ = {"rsc": 2000, "pc": {"m2m:ae": {"et": "20990101T000000"}}}
    peer.answer = lambda request: until_ if request["op"] == 2 else agreeable(request)
    peer.drop()
    assert told.get(timeout=10) == events.RegistrationConfirmed(datetime(2099, 1, 1, tzinfo=timezone.utc))
    peer.answer = lambda request: {"rsc": 5000, "pc": {"m2m:dbg": "out of order"}}
    peer.drop()
    failed = told.get(timeout=10)
    assert isinstance(failed, events.RegistrationFailed) and "out of order" in str(failed.error)
    assert isinstance(failed.error, errors.RegistrationRefusedError) and failed.error.response.status == 5000
    peer.answer = agreeable


def test_ws_6_4_4_a_registration_is_renewed_before_it_lapses(face: Face, peer: Peer) -> None:
    with face.connect(peer.url, originator="Ctest") as ae:
        told = followed(ae)
        ae.register_ae(app_id="Ntest", lifetime=2.0)
        assert "et" in peer.requests[0]["pc"]["m2m:ae"]
        renewed = told.get(timeout=10)
        assert isinstance(renewed, events.RegistrationRenewed)
        assert renewed.until > datetime.now(timezone.utc) + timedelta(seconds=0.5)
        assert operations(peer) == [1, 3]


def test_ws_5_2_9_the_next_run_goes_on_without_registering(face: Face, peer: Peer, tmp_path: Path) -> None:
    settings = {"originator": "C", "state_file": tmp_path / "state", **QUICK}
    with face.connect(peer.url, **settings) as ae:
        entity = ae.register_ae(app_id="Ntest").entity
        assert entity == "C4711"
    peer.requests.clear()
    with face.connect(peer.url, **settings) as ae:
        assert ae.registration == onem2m_ws.Registration(entity, "AE")
        assert ae.register_ae(app_id="Ntest").entity == entity
        assert set(operations(peer)) == {2} and peer.requests[0]["fr"] == entity
    # The registrar has forgotten.
    peer.requests.clear()
    peer.answer = lambda request: {"rsc": 4004} if request["op"] == 2 else agreeable(request)
    with face.connect(peer.url, **settings) as ae:
        assert ae.register_ae(app_id="Ntest").entity == entity
        assert 1 in operations(peer)


def test_a_state_file_that_cannot_be_used_is_refused_by_name(face: Face, peer: Peer, tmp_path: Path) -> None:
    file = str(tmp_path / "state")
    with face.connect(peer.url, originator="Ctest", state_file=file) as ae:
        ae.register_ae(app_id="Ntest")
    with pytest.raises(errors.StorageError, match="Cother") as raised:
        face.connect(peer.url, originator="Cother", state_file=file)
    assert isinstance(raised.value, OSError)
    with pytest.raises(errors.StorageError, match=r"nowhere.*state"):
        face.connect(peer.url, originator="Ctest", state_file=tmp_path / "nowhere" / "state")
    Path(file).write_text("{")
    with pytest.raises(errors.StorageError, match="damaged"):
        face.connect(peer.url, originator="Ctest", state_file=file)


def test_a_state_file_that_can_not_be_written_any_more_is_told(face: Face, peer: Peer, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with face.connect(peer.url, originator="Ctest", state_file=folder / "state", **QUICK) as ae:
        told = followed(ae)
        ae.register_ae(app_id="Ntest")
        shutil.rmtree(folder)
        peer.drop()
        assert isinstance(told.get(timeout=10), events.RegistrationConfirmed)
        failed = told.get(timeout=10)
        assert isinstance(failed, events.StorageFailed) and "folder" in str(failed.error)


@pytest.mark.parametrize(
    ("repeat", "repeated"),
    [("never", []), ("retrieve", [2]), ("idempotent", [2, 3, 4]), ("all", [1, 2, 3, 4, 5])],
)
def test_ws_5_2_6_what_may_be_repeated_is_and_of_the_rest_the_outcome_is_unknown(
    face: Face, peer: Peer, repeat: str, repeated: list[int]
) -> None:
    seen: list[str] = []

    def answer(request: Message) -> Message | None:
        seen.append(request["rqi"])
        if seen.count(request["rqi"]) == 1:
            peer.drop()
            return None
        return agreeable(request)

    peer.answer = answer
    with face.connect(peer.url, originator="Ctest", registered=True, repeat=repeat, **QUICK) as ae:
        for operation in range(1, 6):
            content: dict[str, Any] | None = {"m2m:cnt": {}} if operation in (1, 3, 5) else None
            request = onem2m_ws.Request(operation, "x", ty=3 if operation == 1 else None, content=content)
            if operation in repeated:
                assert ae.send(request).ok
            else:
                with pytest.raises(errors.ConnectionLostError) as lost:
                    ae.send(request)
                assert lost.value.outcome_unknown


def test_what_was_not_sent_has_no_unknown_outcome(face: Face) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    with face.connect(url, originator="Ctest", registered=True, open_now=False, request_timeout=0.2) as ae:
        with pytest.raises(errors.RequestTimeoutError) as raised:
            ae.retrieve("cse-in")
        assert not raised.value.outcome_unknown
    with pytest.raises(errors.ConnectionRefusedError) as refused:
        face.connect(url, originator="Ctest")
    assert not refused.value.outcome_unknown and errors.OneM2MError.outcome_unknown is False


def test_ws_5_2_7_the_connection_is_open_when_the_schedule_says_so(face: Face, peer: Peer) -> None:
    settings: dict[str, Any] = {"originator": "Ctest", "registered": True, "open_now": False}
    with face.connect(peer.url, schedule="* * * * * *", **settings):
        until(lambda: len(peer.handshakes) == 1)
    never = ["* * * 29 2 * 2096"]
    with face.connect(peer.url, schedule=never, **settings) as ae:
        assert ae.retrieve("cse-in").ok and len(peer.handshakes) == 2
    with face.connect(peer.url, schedule=never, outside_window="hold", request_timeout=0.2, **settings) as ae:
        with pytest.raises(errors.RequestTimeoutError) as raised:
            ae.retrieve("cse-in")
        assert not raised.value.outcome_unknown and len(peer.handshakes) == 2
