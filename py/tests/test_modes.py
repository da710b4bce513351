"""Transfer modes, with both faces: however the result comes, it is what is returned."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any

import pytest
from faces import Face
from peer import Message, Peer, until

import onem2m_ws
from onem2m_ws import Request, errors, sync

ACCEPTED = {"sync": 1001, "async": 1002}


@pytest.mark.parametrize("mode", ["blocking", "sync", "async", "flex"])
def test_ws_6_5_1_the_result_is_returned_in_every_mode(
    face: Face, registrar: sync.Registrar, name: str, mode: str
) -> None:
    acknowledged: queue.SimpleQueue[onem2m_ws.Response] = queue.SimpleQueue()
    with face.connect(registrar.url, originator=f"C{name}") as ae:
        ae.register_ae(app_id="Ntest", name=name)
        request = Request(1, f"cse-in/{name}", ty=3, content={"m2m:cnt": {"rn": "data"}})
        result = ae.send(request, mode=mode, on_acknowledged=acknowledged.put)
        assert result.status == 2001 and result.content["m2m:cnt"]["rn"] == "data"
        if mode in ACCEPTED:
            acknowledgement = acknowledged.get(timeout=5)
            assert acknowledgement.status == ACCEPTED[mode] and acknowledgement.status.is_accepted
            assert acknowledgement.raise_for_status() is acknowledgement
        # What goes wrong is a result, too; nobody needs to hear of the acknowledgement.
        assert ae.send(Request(2, "cse-in/nowhere"), mode=mode).status == 4004
        assert acknowledged.empty()
        if face.name == "sync":
            until(lambda: ae._acknowledgements == {})
        else:
            assert ae._bridge.acknowledgements == {}


def test_a_mode_that_is_none(face: Face, peer: Peer, ae: Any) -> None:
    with pytest.raises(errors.ArgumentError, match=r"mode.*flex"):
        ae.send(Request(2, "cse-in"), mode="fast")
    with pytest.raises(errors.ArgumentError):
        ae.send(Request(2, "cse-in", request_id=""), mode="async", on_acknowledged=print)
    assert peer.requests == [] and ae.retrieve("cse-in").ok


def test_a_refusal_instead_of_an_acknowledgement(face: Face, peer: Peer, ae: Any) -> None:
    peer.answer = lambda request: {"rsc": 5206}
    acknowledged: list[Any] = []
    assert ae.send(Request(2, "cse-in"), mode="sync", on_acknowledged=acknowledged.append).status == 5206
    assert peer.requests[0]["rt"] == {"rtv": 1} and acknowledged == []


def test_a_result_that_does_not_come(face: Face, peer: Peer, ae: Any) -> None:
    """The acknowledgement is told while the call waits, and a call that is given up leaves nothing behind."""

    def answer(request: Message) -> Message:
        return {"rsc": 1002, "pc": {"m2m:uri": "/id-in/cse-in/req1"}} if "rt" in request else {"rsc": 2000}

    peer.answer = answer
    acknowledged = threading.Event()
    failed: list[BaseException] = []

    def send() -> None:
        try:
            ae.send(Request(2, "cse-in"), mode="async", on_acknowledged=lambda response: acknowledged.set())
        except errors.ClosedError as error:
            failed.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    assert acknowledged.wait(5)
    assert thread.is_alive()
    ae.abort()
    thread.join(5)
    assert len(failed) == 1


def test_cancelling_a_call_that_waits_for_its_result(peer: Peer) -> None:
    async def main() -> None:
        peer.answer = lambda request: {"rsc": 1002, "pc": {"m2m:uri": "/id-in/cse-in/req1"}}
        async with onem2m_ws.connect(peer.url, originator="Ctest", registered=True) as ae:
            acknowledged = asyncio.Event()

            async def hear(response: onem2m_ws.Response) -> None:
                acknowledged.set()

            task = asyncio.create_task(ae.send(Request(2, "x"), mode="async", on_acknowledged=hear))
            await asyncio.wait_for(acknowledged.wait(), 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert ae._bridge.calls == {} and ae._bridge.acknowledgements == {}

    asyncio.run(asyncio.wait_for(main(), 30))
