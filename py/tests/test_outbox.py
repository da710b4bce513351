"""Posted requests, with both faces: accepted now, delivered when that is possible, and told."""

from __future__ import annotations

import logging
import queue
import signal
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from faces import Face
from peer import Message, Peer, agreeable, until
from test_bad_input import free_port
from test_process import first_line, program, run, started
from test_staying import QUICK, followed

import onem2m_ws
from onem2m_ws import Outbox, Request, errors, events, sync

#: An entity that needs no registration.
READY: dict[str, Any] = {"originator": "CAdmin", "registered": True, **QUICK}


def container(name: object, **more: Any) -> Request:
    return Request(1, "cse-in", ty=3, content={"m2m:cnt": {"rn": str(name)}}, **more)


def delivered(told: queue.SimpleQueue[events.Event], seconds: float = 10.0) -> events.Delivered:
    event = told.get(timeout=seconds)
    assert isinstance(event, events.Delivered), event
    return event


@pytest.fixture
def nobody() -> str:
    """An address at which nobody listens."""
    return f"ws://127.0.0.1:{free_port()}"


def test_ws_5_2_8_what_is_posted_without_a_registrar_is_delivered_when_it_comes(face: Face, nobody: str) -> None:
    with face.connect(nobody, open_now=False, **READY) as ae:
        told = followed(ae)
        made = [ae.post(container(f"c{number}")) for number in range(5)]
        assert len(set(made)) == len(ae.outbox) == 5
        first = ae.outbox[0]
        assert [posted.request_id for posted in ae.outbox] == made
        assert first.operation is onem2m_ws.Operation.CREATE and first.to == "cse-in"
        day = datetime.now(timezone.utc) + timedelta(days=1) - first.expires
        assert timedelta(0) <= day < timedelta(seconds=20)
        with pytest.raises(errors.RequestTimeoutError, match="5 requests") as raised:
            ae.flush(timeout=0.1)
        assert isinstance(raised.value, TimeoutError) and not raised.value.outcome_unknown
        with sync.Registrar(listen=nobody):
            ae.flush(timeout=20)
            assert ae.outbox == []
            ae.flush(timeout=0)
            outcomes = [delivered(told) for _ in made]
            assert [outcome.request_id for outcome in outcomes] == made
            assert all(outcome.ok and outcome.error is None for outcome in outcomes)
            assert outcomes[0].response is not None
            assert outcomes[0].response.content["m2m:cnt"]["rn"] == "c0"  # type: ignore[index]
            assert ae.retrieve("cse-in/c4").ok


def test_nothing_is_delivered_before_the_registration(face: Face, peer: Peer) -> None:
    with face.connect(peer.url, originator="Ctest") as ae:
        ae.post(container("early"))
        with pytest.raises(errors.RequestTimeoutError):
            ae.flush(timeout=0.1)
        assert peer.requests == []
        ae.register_ae(app_id="Ntest")
        ae.flush(timeout=10)
        assert [request["ty"] for request in peer.requests] == [2, 3]


def test_a_posted_request_has_the_parameters_of_any_other(face: Face, peer: Peer) -> None:
    with face.connect(peer.url, **READY) as ae:
        request = Request(3, "x", content={"m2m:cnt": {}}, request_id="mine", parameters={"vsi": "v"}, result_content=0)
        assert ae.post(request) == "mine"
        ae.flush(timeout=10)
        (sent,) = peer.requests
        assert (sent["rqi"], sent["op"], sent["vsi"], sent["rcn"], sent["fr"]) == ("mine", 3, "v", 0, "CAdmin")
        assert sent["pc"] == {"m2m:cnt": {}}


def test_a_full_outbox_refuses(face: Face, nobody: str) -> None:
    with face.connect(nobody, open_now=False, outbox=Outbox(requests=2), **READY) as ae:
        for number in range(2):
            ae.post(container(number))
        with pytest.raises(errors.QueueFullError) as raised:
            ae.post(container(2))
        assert not raised.value.outcome_unknown and len(ae.outbox) == 2
    with face.connect(nobody, open_now=False, outbox=Outbox(bytes=2000), **READY) as ae:
        ae.post(container("x" * 500))
        with pytest.raises(errors.QueueFullError):
            ae.post(container("x" * 2000))


def test_or_the_oldest_make_room_and_are_told(face: Face, nobody: str) -> None:
    # Before the registration nothing is under way, which could not make room.
    outbox = Outbox(requests=2, when_full="drop_oldest")
    with face.connect(nobody, originator="Ctest", open_now=False, outbox=outbox) as ae:
        told = followed(ae)
        first, *others = (ae.post(container(number)) for number in range(3))
        dropped = delivered(told)
        assert dropped.request_id == first and not dropped.ok and dropped.response is None
        assert isinstance(dropped.error, errors.QueueFullError)
        assert [posted.request_id for posted in ae.outbox] == others


def test_ws_6_4_5_what_expires_is_told(face: Face, nobody: str) -> None:
    with face.connect(nobody, open_now=False, outbox=Outbox(lifetime=0.3), **READY) as ae:
        told = followed(ae)
        for request in (container(1, expires_in=0.2), container(2)):
            rqi = ae.post(request)
            expired = delivered(told)
            assert expired.request_id == rqi and isinstance(expired.error, errors.RequestTimeoutError)
        with pytest.raises(errors.RequestTimeoutError):
            ae.post(container(3, parameters={"rqet": "20200101T000000"}))
        assert ae.outbox == []
        # Later than any calendar of Python's.
        ae.post(container(4, expires_in=9e11))
        assert ae.outbox[0].expires.year == 9999


def test_what_is_left_when_the_client_closes_is_told_first(face: Face, nobody: str) -> None:
    order: queue.SimpleQueue[object] = queue.SimpleQueue()
    ae = face.connect(nobody, open_now=False, **READY)
    ae.on_event(order.put)
    ae.on_state(lambda change: order.put(change.state))
    rqi = ae.post(container(1))
    ae.close()
    told = []
    while "closed" not in told:
        told.append(order.get(timeout=5))
    lost = next(event for event in told if isinstance(event, events.Delivered))
    assert lost.request_id == rqi and isinstance(lost.error, errors.ClosedError)


def test_ws_5_2_8_what_was_under_way_comes_again_or_its_outcome_is_unknown(face: Face, peer: Peer) -> None:
    def answer(request: Message) -> Message | None:
        if [r["rqi"] for r in peer.requests].count(request["rqi"]) > 1:
            return agreeable(request)
        peer.drop()
        return None

    peer.answer = answer
    with face.connect(peer.url, **READY) as ae:
        told = followed(ae)
        rqi = ae.post(container(1))
        assert delivered(told).ok
        assert [request["rqi"] for request in peer.requests] == [rqi, rqi]
    with face.connect(peer.url, outbox=Outbox(repeat="never"), **READY) as ae:
        told = followed(ae)
        ae.post(container(2))
        lost = delivered(told)
        assert isinstance(lost.error, errors.ConnectionLostError) and lost.error.outcome_unknown


@pytest.mark.parametrize("window", [1, 4])
def test_so_many_are_under_way_at_a_time(face: Face, peer: Peer, window: int) -> None:
    peer.answer = lambda request: None
    with face.connect(peer.url, outbox=Outbox(window=window), **READY) as ae:
        for number in range(6):
            ae.post(container(number))
        until(lambda: len(peer.requests) == window)
        time.sleep(0.1)
        assert len(peer.requests) == window
        assert [posted.attempts for posted in ae.outbox] == [1] * window + [0] * (6 - window)
        ae.abort()


def test_so_many_are_sent_in_a_second(face: Face, peer: Peer) -> None:
    with face.connect(peer.url, outbox=Outbox(rate=20.0), **READY) as ae:
        since = time.monotonic()
        for number in range(11):
            ae.post(container(number))
        ae.flush(timeout=20)
        assert time.monotonic() - since > 0.4


def test_events_wait_for_a_handler(face: Face, peer: Peer) -> None:
    with face.connect(peer.url, outbox=Outbox(window=256), **READY) as ae:
        made = [ae.post(container(number)) for number in range(300)]
        ae.flush(timeout=20)
        until(lambda: len(ae._telling.untold) == 256)
        time.sleep(0.1)
        told = followed(ae)
        assert {delivered(told).request_id for _ in range(256)} <= set(made)
        last = ae.post(container("last"))
        assert delivered(told).request_id == last and told.empty()


def test_what_nobody_hears_is_logged(face: Face, peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    peer.answer = lambda request: {"rsc": 4005}
    with face.connect(peer.url, **READY) as ae:
        rqi = ae.post(container("silent"))
        until(lambda: any(rqi in message and "4005" in message for message in caplog.messages))
        assert caplog.records[-1].levelno == logging.WARNING
        caplog.clear()
        told = followed(ae)
        assert not delivered(told).ok
        ae.post(container("told"))
        refused = delivered(told)
        assert refused.response is not None and refused.response.status == 4005
        assert caplog.records == []


def test_a_handler_of_events_that_fails_is_logged(face: Face, peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    with face.connect(peer.url, **READY) as ae:

        @ae.on_event  # type: ignore[untyped-decorator]
        def fails(event: events.Event) -> None:
            raise KeyError("a defect of the program")

        ae.post(container(1))
        until(lambda: any("Delivered" in message for message in caplog.messages))
        assert ae.retrieve("cse-in").ok


def test_ws_5_2_8_the_next_run_delivers_what_this_one_had_accepted(face: Face, peer: Peer, tmp_path: Path) -> None:
    file = tmp_path / "outbox"
    peer.answer = lambda request: None
    with face.connect(peer.url, outbox_file=file, **READY) as ae:
        made = [ae.post(container(number)) for number in range(3)]
        until(lambda: peer.requests)
        with pytest.raises(errors.StorageError, match="outbox"):
            face.connect(peer.url, outbox_file=file, **READY)
        ae.abort()
    peer.answer = agreeable
    peer.requests.clear()
    with face.connect(peer.url, outbox_file=str(file), **READY) as ae:
        told = followed(ae)
        ae.flush(timeout=20)
        assert [request["rqi"] for request in peer.requests] == made
        assert [delivered(told).request_id for _ in made] == made
    with face.connect(peer.url, outbox_file=file, **READY) as ae:
        assert ae.outbox == []


def test_an_outbox_file_that_is_none_is_refused(face: Face, peer: Peer, tmp_path: Path) -> None:
    file = tmp_path / "outbox"
    file.write_text("something else")
    with pytest.raises(errors.StorageError, match="outbox"):
        face.connect(peer.url, outbox_file=file, **READY)
    assert file.read_text() == "something else" and peer.handshakes == []
    with pytest.raises(errors.StorageError, match="nowhere"):
        face.connect(peer.url, outbox_file=tmp_path / "nowhere" / "outbox", **READY)


KILLED = {
    "asyncio": """
        async def main():
            async with onem2m_ws.connect(url, outbox_file=sys.argv[2], open_now=False, **settings) as ae:
                for number in range(30):
                    await ae.post(onem2m_ws.Request(1, "x", ty=4, content={"m2m:cin": {"con": number}}))
                print("accepted", flush=True)
                await asyncio.sleep(60)
        asyncio.run(main())
    """,
    "sync": """
        ae = sync.connect(url, outbox_file=sys.argv[2], open_now=False, **settings)
        for number in range(30):
            ae.post(onem2m_ws.Request(1, "x", ty=4, content={"m2m:cin": {"con": number}}))
        print("accepted", flush=True)
        time.sleep(60)
    """,
}
DELIVERS = {
    "asyncio": """
        async def main():
            async with onem2m_ws.connect(url, outbox_file=sys.argv[2], **settings) as ae:
                await ae.flush(timeout=30)
                print(len(ae.outbox))
        asyncio.run(main())
    """,
    "sync": """
        with sync.connect(url, outbox_file=sys.argv[2], **settings) as ae:
            ae.flush(timeout=30)
            print(len(ae.outbox))
    """,
}


@pytest.mark.parametrize("kind", KILLED)
def test_ws_5_2_8_a_killed_program_loses_nothing_that_it_had_accepted(kind: str, nobody: str, tmp_path: Path) -> None:
    file = str(tmp_path / "outbox")
    with started([*program(KILLED[kind], nobody), file]) as process:
        assert first_line(process) == "accepted", process.communicate()
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    with Peer() as peer:
        result = run(DELIVERS[kind], peer.url, file)
        assert (result.stdout, result.stderr, result.returncode) == ("0\n", "", 0)
        assert [request["pc"]["m2m:cin"]["con"] for request in peer.requests] == list(range(30))
