"""A registrar that has a registrar itself (an MN-CSE), with both faces. The example is run by tests/interop."""

from __future__ import annotations

import queue
from typing import Any

import pytest
from faces import Face
from peer import until
from test_staying import restarted

from onem2m_ws import Upstream, errors, events, sync

LISTEN = "ws://127.0.0.1:0"
MN: dict[str, Any] = {"listen": LISTEN, "cse_id": "/id-mn", "cse_name": "cse-mn"}
QUICK: dict[str, Any] = {"reopen_delay": 0.02, "reopen_delay_max": 0.1}


def numbers(seen: queue.SimpleQueue[Any], *expected: int) -> None:
    assert [seen.get(timeout=20) for _ in expected] == list(expected)


class Site:
    """An AE `boss` at the IN, which is notified of what the AE `sensor` at the MN makes."""

    def __init__(self, url: str, gateway: str) -> None:
        self.seen: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.boss = sync.connect(url, originator="Cboss", **QUICK)
        self.sensor = sync.connect(gateway, originator="Csensor", **QUICK)
        self.boss.on_request(self.take)
        self.boss.register_ae(app_id="Nboss", name="boss")
        self.sensor.register_ae(app_id="Nsensor", name="sensor")
        self.sensor.create("cse-mn/sensor", ty=3, content={"m2m:cnt": {"rn": "data"}}).raise_for_status()
        subscription = {"rn": "sub", "nu": ["/id-in/Cboss"], "enc": {"net": [3]}}
        self.boss.create("/id-mn/cse-mn/sensor/data", ty=23, content={"m2m:sub": subscription}).raise_for_status()

    def take(self, request: sync.IncomingRequest) -> None:
        notification = (request.content or {})["m2m:sgn"]
        if "nev" in notification:
            self.seen.put(int(notification["nev"]["rep"]["m2m:cin"]["con"]))

    def publish(self, *values: int) -> None:
        for value in values:
            content = {"m2m:cin": {"con": str(value)}}
            self.sensor.create("cse-mn/sensor/data", ty=4, content=content).raise_for_status()

    def close(self) -> None:
        self.boss.abort()
        self.sensor.abort()


def test_ws_5_2_2_a_registrar_that_is_a_registree_itself(face: Face) -> None:
    above = sync.Registrar(listen=LISTEN)
    above.start()
    url = above.url
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with face.registrar(**MN, upstream=Upstream(url, "/id-in", below="cse-in", check_every=0, **QUICK)) as gateway:
        gateway.on_event(lambda event: told.put(event) if isinstance(event, events.UpstreamState) else None)
        until(lambda: gateway.upstream.is_registered)
        assert gateway.upstream == events.UpstreamState(True, 1, None)
        site = Site(url, gateway.url)
        try:
            site.publish(1)
            numbers(site.seen, 1)
            assert site.sensor.retrieve("/id-in/cse-in").ok
            # The registrar above ends; what is for it waits, and what cannot wait is answered.
            above.stop()
            until(lambda: not gateway.upstream.is_registered)
            site.publish(2, 3)
            assert gateway.waiting("/id-in") == 2
            assert site.sensor.retrieve("/id-in/cse-in").status == 5103
            until(lambda: gateway.upstream.cause is not None)
            # It has forgotten everything when it is back, and knows this CSE again.
            above = restarted(url)
            until(lambda: gateway.upstream.is_registered, 30)
            assert gateway.upstream.registrations == 2
            assert site.sensor.retrieve("/id-in/cse-in").ok
        finally:
            site.close()
        states = []
        while not told.empty():
            states.append(told.get())
        assert states[-1].is_registered and any(not state.is_registered and state.cause for state in states)
    above.stop()


def test_a_registrar_without_one(face: Face) -> None:
    registrar = face.registrar(listen=LISTEN)
    with pytest.raises(errors.StateError):
        registrar.waiting("Cnobody")
    with registrar:
        assert registrar.upstream is None and registrar.waiting("Cnobody") == 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Upstream("ws://127.0.0.1:1", "/id-in", originator="Cme"), "originator"),
        (lambda: Upstream("ws://127.0.0.1:1", "/id-in", outbox_file="x"), "outbox_file"),
        (lambda: Upstream("ws://127.0.0.1:1", "/id-in", colour="red"), "colour"),
        (lambda: Upstream("ws://127.0.0.1:1", "/id-in", attributes={"x": object()}), "attributes"),
        (lambda: Upstream("ws://127.0.0.1:1", "/id-in", proxy=5), "proxy"),
        (lambda: Upstream("nowhere", "/id-in"), "nowhere"),
        (lambda: Upstream("ws://127.0.0.1:1", "id in"), "registrar.*identifier"),
        (lambda: Upstream("ws://127.0.0.1:1", "/id-in", check_every=4e7), "check_every"),
        (lambda: Upstream("ws://127.0.0.1:1", "/id-in", window=0), "window"),
        (lambda: "ws://127.0.0.1:1", "Upstream"),
    ],
)
def test_a_registrar_of_its_own_that_cannot_be(face: Face, make: Any, said: str) -> None:
    with pytest.raises(errors.ArgumentError, match=said):
        face.registrar(**MN, upstream=make()).start()
