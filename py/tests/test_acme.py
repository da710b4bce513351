"""The main job at ACME, a CSE that somebody else wrote, with both faces.

ACME keeps nothing for an AE that is away, so what is stored is proven at our own registrar.
"""

from __future__ import annotations

import queue
from typing import Any

import pytest
from conftest import Acme
from faces import Face

import onem2m_ws
from onem2m_ws import errors


def test_ws_5_2_10_the_main_job(face: Face, acme: Acme, name: str) -> None:
    target = f"{acme.cse_name}/{name}/data"
    with face.connect(acme.url, originator=f"C{name}", preset="acme") as ae:
        assert ae.register_ae(app_id="Ntest", name=name).entity == f"C{name}"
        made = ae.create(f"{acme.cse_name}/{name}", ty=3, content={"m2m:cnt": {"rn": "data"}})
        assert made.raise_for_status().content["m2m:cnt"]["rn"] == "data"
        seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        subscription = ae.subscribe(target, lambda n: seen.put(n.representation["m2m:cin"]["con"]), name="sub")
        assert subscription.address == f"{target}/sub"

        def publish(value: str) -> None:
            ae.create(target, ty=4, content={"m2m:cin": {"con": value}}).raise_for_status()
            assert seen.get(timeout=10) == value

        publish("21.5 °C")
        assert ae.retrieve(f"{target}/la").content["m2m:cin"]["con"] == "21.5 °C"
        assert ae.update(target, content={"m2m:cnt": {"lbl": [name]}}).status == 2004
        assert ae.discover(acme.cse_name, types=[3], labels=[name]).addresses == [target]

        # Reconnected without a new registration; the subscription goes on over the new connection.
        ae.disconnect()
        assert ae.state.state == "disconnected"
        publish("22.0 °C")
        assert ae.counters["connections"] == 2
        assert ae.registration == onem2m_ws.Registration(f"C{name}", "AE")

        assert ae.retrieve(target).ok
        assert subscription.delete().status == 2002
        assert ae.delete(f"{acme.cse_name}/{name}").status == 2002


@pytest.mark.parametrize(
    ("attributes", "habits"),
    [
        pytest.param({}, 0, id="says that it reads CBOR"),
        # To an AE that does not, ACME sends JSON in text frames, and wants CBOR for an answer.
        pytest.param({"csz": ["application/json"]}, 2, id="notified in JSON"),
    ],
)
def test_ws_6_2_2_9_1_and_ws_6_2_2_9_3_the_main_job_over_cbor(
    face: Face, acme: Acme, name: str, attributes: dict[str, Any], habits: int
) -> None:
    target = f"{acme.cse_name}/{name}/data"
    with face.connect(acme.url, originator=f"C{name}", preset="acme", formats=["cbor"]) as ae:
        assert ae.format is onem2m_ws.Format.CBOR
        ae.register_ae(app_id="Ntest", name=name, attributes=attributes)
        ae.create(f"{acme.cse_name}/{name}", ty=3, content={"m2m:cnt": {"rn": "data"}}).raise_for_status()
        seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        subscription = ae.subscribe(target, lambda n: seen.put(n.representation["m2m:cin"]["con"]), name="sub")
        before = ae.counters["deviations"]
        for value in ("21.5 °C", "22.0 °C"):
            # ACME answers when it has the answer to its notification, or has waited 10 s in vain.
            ae.create(target, ty=4, content={"m2m:cin": {"con": value}}, expires_in=8).raise_for_status()
            assert seen.get(timeout=10) == value
            latest = ae.retrieve(f"{target}/la")
            assert latest.content["m2m:cin"]["con"] == value
            assert latest.content_as("cbor")[:1] == b"\xa1"
        assert ae.counters["deviations"] - before == habits
        assert subscription.delete().status == 2002
        assert ae.delete(f"{acme.cse_name}/{name}").status == 2002


def test_ws_6_4_2_an_ae_id_is_assigned(face: Face, acme: Acme, name: str) -> None:
    with face.connect(acme.url, originator="C", preset="acme") as ae:
        entity = ae.register_ae(app_id="Ntest", name=name, registrar=acme.cse_name).entity
        assert entity.startswith("C") and len(entity) > 1
        assert ae.retrieve(f"{acme.cse_name}/{name}").ok


def test_what_acme_refuses(face: Face, acme: Acme, name: str) -> None:
    with face.connect(acme.url, originator=f"C{name}", preset="acme") as ae:
        with pytest.raises(errors.RegistrationRefusedError) as raised:
            ae.register_ae(app_id="no N in front", name=name)
        assert raised.value.response.status // 1000 in (4, 5)
        ae.register_ae(app_id="Ntest", name=name)
        assert ae.retrieve(f"{acme.cse_name}/nowhere").status == 4004
        assert ae.create(f"{acme.cse_name}/{name}", ty=3, content={"m2m:cnt": {"nonsense": 1}}).status == 4000
    # The current name only: the other one is answered with 400.
    with pytest.raises(errors.HandshakeRefusedError) as refused:
        face.connect(acme.url, originator=f"C{name}", subprotocols=["oneM2M.R2.0.json"])
    assert refused.value.status == 400


def test_many_requests_in_a_row(face: Face, acme: Acme, name: str) -> None:
    with face.connect(acme.url, originator=f"C{name}", preset="acme") as ae:
        ae.register_ae(app_id="Ntest", name=name)
        ae.create(f"{acme.cse_name}/{name}", ty=3, content={"m2m:cnt": {"rn": "data"}}).raise_for_status()
        for value in range(20):
            ae.create(f"{acme.cse_name}/{name}/data", ty=4, content={"m2m:cin": {"con": str(value)}}).raise_for_status()
        container = ae.retrieve(f"{acme.cse_name}/{name}/data").content["m2m:cnt"]
        assert container["cni"] == 20
