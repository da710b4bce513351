"""Requests of the peer's, with both faces: every one is answered exactly once, whatever the program does."""

from __future__ import annotations

import gc
import logging
import queue
import threading
import time
from typing import Any

import pytest
from faces import Face
from peer import Message, Peer, agreeable, until

import onem2m_ws
from onem2m_ws import errors


def test_what_a_handler_returns_is_the_answer(ae: Any, peer: Peer) -> None:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    ae.on_request(lambda request: answers.get(timeout=5))
    for answer, status, content in [
        (onem2m_ws.Response(2001, {"m2m:cnt": {"rn": "a"}}), 2001, {"m2m:cnt": {"rn": "a"}}),
        (onem2m_ws.Response(4103), 4103, None),
        (4004, 4004, None),
        (onem2m_ws.StatusCode.DELETED, 2002, None),
        (None, 2000, None),
    ]:
        answers.put(answer)
        response = peer.ask(2, "Ctest/x")
        assert (response["rsc"], response.get("pc")) == (status, content)


def test_a_response_may_have_any_parameter(ae: Any, peer: Peer) -> None:
    ae.on_request(lambda request: onem2m_ws.Response(2000, {"m2m:cnt": {}}, parameters={"cnst": 1, "cnot": 2**40}))
    response = peer.ask(2, "Ctest/x")
    assert (response["rsc"], response["cnst"], response["cnot"]) == (2000, 1, 2**40)


def test_a_request_shows_what_it_is(ae: Any, peer: Peer) -> None:
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
    ae.on_request(seen.put)
    rqi = peer.post(1, "Ctest/x", ty=3, pc={"m2m:cnt": {"mni": 2**62}}, vsi="vendor", xyz={"a": [1]})
    request = seen.get(timeout=5)
    assert request.operation is onem2m_ws.Operation.CREATE
    assert (request.to, request.originator, request.request_id) == ("Ctest/x", "/id-in", rqi)
    assert request.ty is onem2m_ws.ResourceType.CONTAINER
    assert request.content == {"m2m:cnt": {"mni": 2**62}}
    assert (request.parameters["vsi"], request.parameters["xyz"]) == ("vendor", {"a": [1]})
    assert "pc" not in request.parameters
    assert repr(request) == "<IncomingRequest CREATE Ctest/x from /id-in>"
    assert peer.response(rqi)["rsc"] == 2000
    assert request.answered


def test_a_handler_that_raises(ae: Any, peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    @ae.on_request  # type: ignore[untyped-decorator]
    def handle(request: Any) -> int:
        raise ZeroDivisionError("a defect of the program")

    assert peer.ask(2, "Ctest/x")["rsc"] == 5000
    (record,) = [record for record in caplog.records if record.name == "onem2m_ws.requests"]
    assert record.levelno == logging.ERROR and record.exc_info is not None
    assert "ZeroDivisionError" in caplog.text and "a defect of the program" in caplog.text
    ae.on_request(lambda request: 2000)
    assert peer.ask(2, "Ctest/x")["rsc"] == 2000


@pytest.mark.parametrize("answer", ["2000", object(), True, {"rsc": 2000}])
def test_a_handler_that_returns_nonsense(ae: Any, peer: Peer, caplog: pytest.LogCaptureFixture, answer: object) -> None:
    ae.on_request(lambda request: answer)
    assert peer.ask(2, "Ctest/x")["rsc"] == 5000
    assert f"returned {type(answer).__name__}" in caplog.text


def test_a_handler_whose_content_cannot_be_written(ae: Any, peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    ae.on_request(lambda request: onem2m_ws.Response(2000, {"m2m:cnt": {"x": object()}}))
    assert peer.ask(2, "Ctest/x")["rsc"] == 5000
    assert "cannot be written as JSON" in caplog.text


def test_requests_one_after_the_other(ae: Any, peer: Peer) -> None:
    posted = [peer.post(2, f"Ctest/{number}") for number in range(5)]
    got = []
    for request in ae.requests():
        got.append(request.to)
        request.respond(2000, {"m2m:cnt": {"rn": request.to[-1]}})
        if len(got) == 5:
            break
    assert got == [f"Ctest/{number}" for number in range(5)]
    assert [peer.response(rqi)["pc"]["m2m:cnt"]["rn"] for rqi in posted] == list("01234")


def test_respond_twice(ae: Any, peer: Peer) -> None:
    rqi = peer.post(2, "Ctest/x")
    for request in ae.requests():
        request.respond(4004)
        with pytest.raises(errors.AlreadyRespondedError, match="answered already"):
            request.respond(2000)
        break
    assert peer.response(rqi)["rsc"] == 4004


def test_never_respond(ae: Any, peer: Peer) -> None:
    rqi = peer.post(2, "Ctest/x")
    for request in ae.requests():
        assert not request.answered
        del request
        break
    gc.collect()
    assert peer.response(rqi)["rsc"] == 5000


def test_never_respond_but_keep_it(face: Face, peer: Peer) -> None:
    with face.connect(peer.url, originator="Ctest", registered=True, answer_timeout=0.2) as ae:
        rqi = peer.post(2, "Ctest/x")
        for request in ae.requests():
            assert peer.response(rqi)["rsc"] == 5000
            with pytest.raises(errors.AlreadyRespondedError):
                request.respond(2000)
            break
        assert ae.counters["unanswered"] == 1


def test_bad_answers_are_told_to_the_program_and_leave_the_request_open(ae: Any, peer: Peer) -> None:
    rqi = peer.post(2, "Ctest/x")
    for request in ae.requests():
        for bad in ("2000", -1, 70000, True, None):
            with pytest.raises(errors.ArgumentError, match="status"):
                request.respond(bad)
        contents: list[Any] = [[], {}, {"a": 1, "b": 2}, "text", {"m2m:cnt": "\ud800"}]
        for content in contents:
            with pytest.raises(errors.ArgumentError, match="content"):
                request.respond(2000, content)
        with pytest.raises(errors.ArgumentError, match="cnot"):
            request.respond(onem2m_ws.Response(2000, parameters={"cnot": "many"}))
        with pytest.raises(errors.ArgumentError, match="argument of its own"):
            request.respond(onem2m_ws.Response(2000, parameters={"rsc": 4000}))
        assert not request.answered
        request.respond(2000)
        break
    assert peer.response(rqi)["rsc"] == 2000


def test_requests_that_come_before_a_handler_wait_for_it(ae: Any, peer: Peer) -> None:
    posted = [peer.post(2, "Ctest/x") for _ in range(3)]
    until(lambda: ae.counters["requests_received"] == 3)
    ae.on_request(lambda request: 2002)
    assert [peer.response(rqi)["rsc"] for rqi in posted] == [2002] * 3


def test_either_a_handler_or_an_iterator(ae: Any) -> None:
    ae.on_request(lambda request: 2000)
    with pytest.raises(errors.StateError, match="on_request"):
        ae.requests()


def test_the_iterator_ends_when_the_client_is_closed(ae: Any) -> None:
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.extend(ae.requests()))
    thread.start()
    time.sleep(0.05)
    ae.close()
    thread.join(5)
    assert not thread.is_alive() and got == []


@pytest.mark.parametrize(("accepts", "retrieve", "notify"), [("notifications", 4005, 2000), ("nothing", 4005, 4005)])
def test_ws_6_1_3_what_a_client_accepts(face: Face, peer: Peer, accepts: str, retrieve: int, notify: int) -> None:
    with face.connect(peer.url, originator="Ctest", registered=True, accepts=accepts) as ae:
        ae.on_request(lambda request: 2000)
        assert peer.ask(2, "Ctest/x")["rsc"] == retrieve
        assert peer.notify("cse-in/x/sub", "1")["rsc"] == notify


def verifying(peer: Peer, order: list[int]) -> Any:
    """A registrar that verifies before it answers the subscription, and notifies even before it answers."""

    def answer(request: Message) -> Message:
        if request.get("ty") == 23:
            signal = {"vrq": True, "sur": "/id-in/r9", "cr": "Ctest"}
            order.append(peer.ask(5, "Ctest", pc={"m2m:sgn": signal})["rsc"])
            peer.post(5, "Ctest", pc={"m2m:sgn": {"sur": "/id-in/r9", "nev": {"rep": {"m2m:cin": {"con": "early"}}}}})
            return {"rsc": 2001, "pc": {"m2m:sub": {**request["pc"]["m2m:sub"], "ri": "r9"}}}
        return agreeable(request)

    return answer


def test_subscribing_answers_the_verification_and_keeps_early_notifications(ae: Any, peer: Peer) -> None:
    order: list[int] = []
    peer.answer = verifying(peer, order)
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
    other: queue.SimpleQueue[Any] = queue.SimpleQueue()
    ae.on_request(other.put)
    subscription = ae.subscribe(
        "cse-in/x/data",
        lambda n: seen.put(n.representation["m2m:cin"]["con"]),
        name="sub",
        events=[3, 1],
        content_type=2,
        attributes={"exc": 5},
    )
    assert order == [2000]
    sent = peer.requests[-1]["pc"]["m2m:sub"]
    assert (sent["rn"], sent["enc"], sent["nct"], sent["exc"]) == ("sub", {"net": [3, 1]}, 2, 5)
    assert sent["nu"] == ["Ctest"]
    assert seen.get(timeout=5) == "early"
    for number, sur in enumerate(["/id-in/r9", "r9", "cse-in/x/data/sub", "//sp.example/id-in/cse-in/x/data/sub"]):
        assert peer.notify(sur, str(number))["rsc"] == 2000
        assert seen.get(timeout=5) == str(number)
    assert other.empty()
    assert peer.notify("/id-in/r99", "not ours")["rsc"] == 2000
    assert other.get(timeout=5).content["m2m:sgn"]["sur"] == "/id-in/r99"
    # A verification while it is in force, as some registrars send after a change.
    assert peer.ask(5, "Ctest", pc={"m2m:sgn": {"vrq": True, "sur": "/id-in/r9"}})["rsc"] == 2000
    assert subscription.delete().ok
    assert peer.notify("/id-in/r9", "late")["rsc"] == 2000
    assert other.get(timeout=5).content["m2m:sgn"]["sur"] == "/id-in/r9"
    assert seen.empty()


def test_a_callback_that_raises(ae: Any, peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    def broken(notification: Any) -> None:
        raise KeyError("missing")

    subscription = ae.subscribe("cse-in/x/data", broken, name="sub")
    assert peer.notify(subscription.address, "1")["rsc"] == 5000
    assert "KeyError" in caplog.text


def test_two_subscriptions_are_told_apart(ae: Any, peer: Peer) -> None:
    seen: dict[str, list[Any]] = {"a": [], "b": []}
    for name, list_ in seen.items():
        ae.subscribe(f"cse-in/x/{name}", lambda n, list_=list_: list_.append(n.representation), name="sub")
    assert peer.notify("cse-in/x/b/sub", "1")["rsc"] == 2000
    assert peer.notify("/id-in/cse-in/x/a/sub", "2")["rsc"] == 2000
    assert seen == {"a": [{"m2m:cin": {"con": "2"}}], "b": [{"m2m:cin": {"con": "1"}}]}


def test_a_subscription_whose_answer_is_not_one(ae: Any, peer: Peer) -> None:
    peer.answer = lambda request: {"rsc": 2001, "pc": {"m2m:cnt": {}}}
    with pytest.raises(errors.DecodeError, match="m2m:sub"):
        ae.subscribe("cse-in/x", print)


def test_closing_from_a_handler_does_not_wait_for_that_handler(face: Face, ae: Any, peer: Peer) -> None:
    client = getattr(ae, "_inner", ae)

    async def close_async(request: Any) -> int:
        await client.close()
        return 2002

    def close(request: Any) -> int:
        client.close()
        return 2002

    ae.on_request(close_async if face.name == "asyncio" else close)
    assert peer.ask(2, "Ctest/x")["rsc"] == 2002
    ae.close()
    assert ae.state.state == "closed"


def test_every_call_may_be_made_from_a_handler(face: Face, ae: Any, peer: Peer) -> None:
    client = getattr(ae, "_inner", ae)
    peer.answer = verifying(peer, [])
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    async def use_async(request: Any) -> None:
        for call in calls():
            result = call()
            done.put(await result if hasattr(result, "__await__") else result)
        await request.respond(2001)
        await client.close()
        done.put("closed")

    def use(request: Any) -> None:
        for call in calls():
            done.put(call())
        request.respond(2001)
        client.close()
        done.put("closed")

    def calls() -> list[Any]:
        content: dict[str, Any] = {"m2m:cnt": {}}
        return [
            client.connect,
            lambda: client.create("x", ty=3, content=content),
            lambda: client.retrieve("x"),
            lambda: client.update("x", content=content),
            lambda: client.notify("x", content=content),
            lambda: client.discover("x"),
            lambda: client.subscribe("x/data", lambda n: None),
            lambda: client.delete("x"),
            lambda: client.state,
            lambda: client.registration,
            lambda: client.counters,
            lambda: client.on_state(lambda change: None),
            lambda: client.on_request(lambda request: None),
        ]

    ae.on_request(use_async if face.name == "asyncio" else use)
    assert peer.ask(2, "Ctest/x")["rsc"] == 2001
    results = [done.get(timeout=5) for _ in range(14)]
    assert results[-1] == "closed"
    assert [result.status for result in results if isinstance(result, onem2m_ws.Response)] == [
        2001,
        2000,
        2004,
        2000,
        2000,
        2002,
    ]


def test_garbage_from_the_peer_disturbs_nothing(ae: Any, peer: Peer) -> None:
    ae.on_request(lambda request: 2000)
    for garbage in (
        "not JSON",
        "5",
        "[]",
        '"text"',
        "{}",
        '{"op":2,"rqi":"dup","to":"x","fr":"a","fr":"b"}',
        '{"rsc":2000,"rqi":"nobody-asked"}',
        "{" * 200,
    ):
        peer.tell(garbage)
    assert peer.ask(2, "Ctest/x")["rsc"] == 2000
    assert ae.retrieve("cse-in").ok
    assert ae.counters["unmatched"] == 1
    # What can be recognized as a request is answered.
    assert [(stray["rsc"], stray["rqi"]) for stray in peer.strays if "rqi" in stray] == [(4000, "dup")]
