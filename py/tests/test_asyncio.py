"""What only the asyncio face has: tasks, cancellation, event loops."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest
from peer import Message, Peer, agreeable, until

import onem2m_ws
from onem2m_ws import _bridge, errors


def run(main: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(main, 30)

    asyncio.run(bounded())


def connect(peer: Peer, **settings: Any) -> Any:
    return onem2m_ws.connect(peer.url, **{"originator": "Ctest", "registered": True, **settings})


def test_connect_can_be_awaited_and_entered(peer: Peer) -> None:
    async def main() -> None:
        ae = await connect(peer)
        assert isinstance(ae, onem2m_ws.Client)
        assert (await ae.retrieve("cse-in")).ok
        await ae.close()
        async with connect(peer) as ae:
            assert isinstance(ae, onem2m_ws.Client)
        assert ae.state.state == "closed"
        async with await connect(peer) as ae:
            assert ae.state.state == "registered"

    run(main())


def test_many_at_once(peer: Peer) -> None:
    async def main() -> None:
        async with connect(peer) as ae:
            responses = await asyncio.gather(*(ae.retrieve(f"cse-in/{number}") for number in range(200)))
        assert all(response.ok for response in responses)
        assert len({response.request_id for response in responses}) == 200

    run(main())


def test_cancelling_a_task_forgets_the_request(peer: Peer) -> None:
    async def main() -> None:
        peer.answer = lambda request: None
        async with connect(peer, window=1) as ae:
            task = asyncio.create_task(ae.retrieve("cse-in"))
            await asyncio.to_thread(until, lambda: peer.requests)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ae.retrieve("cse-in"), 0.05)
            assert ae._bridge.calls == {}
            # Their places in the window are free.
            peer.answer = agreeable
            assert (await ae.retrieve("cse-in")).ok
            # What is forgotten does not hold back closing.
            since = time.monotonic()
        assert time.monotonic() - since < 5

    run(main())


def test_cancelling_an_opening() -> None:
    async def main() -> None:
        with Peer(greeting=b"") as silent:
            task = asyncio.create_task(opened(silent))
            await asyncio.to_thread(until, lambda: silent.handshakes)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    async def opened(silent: Peer) -> None:
        async with connect(silent):
            raise AssertionError("it is not open")

    run(main())


def test_an_exception_in_the_block_closes_without_waiting(peer: Peer) -> None:
    async def main() -> None:
        peer.answer = lambda request: None
        since = time.monotonic()
        with pytest.raises(KeyError):
            async with connect(peer) as ae:
                waiting = asyncio.create_task(ae.retrieve("cse-in"))
                await asyncio.sleep(0.01)
                raise KeyError("a defect of the program")
        assert time.monotonic() - since < 5
        with pytest.raises(errors.ClosedError):
            await waiting

    run(main())


def test_handlers_that_are_coroutines_run_side_by_side(peer: Peer) -> None:
    async def main() -> None:
        async with connect(peer) as ae:
            gate = asyncio.Event()
            order = []

            @ae.on_request  # type: ignore[untyped-decorator]
            async def handle(request: onem2m_ws.IncomingRequest) -> int:
                order.append(request.to)
                if len(order) == 3:
                    gate.set()
                await gate.wait()
                return 2004

            posted = [peer.post(2, str(number)) for number in range(3)]
            answers = [await asyncio.to_thread(peer.response, rqi) for rqi in posted]
            assert [answer["rsc"] for answer in answers] == [2004] * 3
            assert order == ["0", "1", "2"]

    run(main())


def test_a_coroutine_that_raises_or_is_cancelled(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with connect(peer) as ae:

            async def broken(request: onem2m_ws.IncomingRequest) -> int:
                await asyncio.sleep(0)
                raise ZeroDivisionError("a defect of the program")

            ae.on_request(broken)
            assert (await asyncio.to_thread(peer.ask, 2, "x"))["rsc"] == 5000
            assert "ZeroDivisionError" in caplog.text

            async def cancelled(request: onem2m_ws.IncomingRequest) -> int:
                raise asyncio.CancelledError

            ae.on_request(cancelled)
            assert (await asyncio.to_thread(peer.ask, 2, "x"))["rsc"] == 5000
            ae.on_request(lambda request: 2000)
            assert (await asyncio.to_thread(peer.ask, 2, "x"))["rsc"] == 2000

    run(main())


def test_another_event_loop_is_refused(peer: Peer) -> None:
    async def main() -> None:
        async with connect(peer) as ae:

            async def elsewhere() -> None:
                with pytest.raises(errors.StateError, match="another event loop"):
                    await ae.retrieve("cse-in")
                with pytest.raises(errors.StateError, match="another event loop"):
                    await ae.disconnect()

            await asyncio.to_thread(asyncio.run, elsewhere())
            assert (await ae.retrieve("cse-in")).ok

    run(main())


def test_a_client_that_is_forgotten_closes_its_connection(peer: Peer) -> None:
    async def main() -> None:
        ae = await connect(peer)
        gone = weakref.ref(ae)
        del ae
        gc.collect()
        assert gone() is None
        await asyncio.to_thread(until, lambda: peer.closes)

    run(main())


def test_loops_and_clients_leave_nothing_behind(peer: Peer) -> None:
    async def main() -> None:
        async with connect(peer) as ae:
            assert (await ae.retrieve("cse-in")).ok

    def bridges() -> int:
        gc.collect()
        return len(_bridge._bridges)

    before = bridges()
    for _ in range(20):
        run(main())
    assert bridges() <= before


def test_a_burst_is_delivered_even_if_a_handler_ends_the_program(peer: Peer) -> None:
    async def main() -> None:
        async with connect(peer) as ae:
            loop = asyncio.get_running_loop()
            caught: list[type] = []
            loop.set_exception_handler(lambda loop, context: caught.append(type(context["exception"])))

            def handle(request: onem2m_ws.IncomingRequest) -> int:
                if request.to == "0":
                    raise GeneratorExit  # no Exception: nobody in the library catches it
                return 2000

            ae.on_request(handle)
            posted = [peer.post(2, str(number)) for number in range(5)]
            time.sleep(0.05)  # noqa: ASYNC251 - so that they come in one burst
            answers = [await asyncio.to_thread(peer.response, rqi) for rqi in posted]
            assert [answer["rsc"] for answer in answers] == [5000, 2000, 2000, 2000, 2000]
            assert caught == [GeneratorExit]

    run(main())


def test_registrations_side_by_side_on_one_loop(peer: Peer) -> None:
    async def one(number: int) -> None:
        async with onem2m_ws.connect(peer.url, originator=f"C{number}") as ae:
            assert (await ae.register_ae(app_id="Ntest")).entity == f"C{number}"
            assert (await ae.retrieve(f"x/{number}")).status == 4000 + number

    def answer(request: Message) -> Message:
        return {"rsc": 4000 + int(request["to"][2:])} if request["op"] == 2 else agreeable(request)

    async def main() -> None:
        peer.answer = answer
        await asyncio.gather(*(one(number) for number in range(20)))

    run(main())
