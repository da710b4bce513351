"""Our registrar, started from a shell, seen through a client that shares no code with it.

What the library's own client and server agree on could be wrong on both sides; here every byte of the client's side
comes from elsewhere.
"""

from __future__ import annotations

from typing import Any

import pytest
from ours import Registrar
from wsclient import Refused, WireClient

CREATE, RETRIEVE, UPDATE, DELETE, NOTIFY = 1, 2, 3, 4, 5


def register(client: WireClient, entity: str) -> Any:
    """Creates the <AE> of `entity` with the same word as its name."""
    ae = {"rn": entity, "api": "Nwire", "rr": True, "srv": ["4"]}
    return client.request(CREATE, "cse-in", entity, ty=2, pc={"m2m:ae": ae})


def readings(requests: list[Any]) -> list[str]:
    """The contents of the contentInstances that notifications carried."""
    return [request["pc"]["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"] for request in requests]


def test_ws_5_2_10_registration_crudn_and_deregistration(registrar: Registrar) -> None:
    with WireClient(registrar.url, originator="Cflow") as client:
        assert client.subprotocol == "oneM2M.json"
        registered = register(client, "Cflow")
        assert registered["rsc"] == 2001
        assert registered["pc"]["m2m:ae"]["aei"] == "Cflow"
        made = client.request(CREATE, "cse-in/Cflow", "Cflow", ty=3, pc={"m2m:cnt": {"rn": "data", "mni": 2}})
        assert made["rsc"] == 2001
        subscription = {"rn": "s", "nu": ["Cflow"], "enc": {"net": [3]}, "nct": 1}
        subscribed = client.request(CREATE, "cse-in/Cflow/data", "Cflow", ty=23, pc={"m2m:sub": subscription})
        assert subscribed["rsc"] == 2001
        client.requests.clear()
        for reading in ("1", "2", "3"):
            added = client.request(CREATE, "cse-in/Cflow/data", "Cflow", ty=4, pc={"m2m:cin": {"con": reading}})
            assert added["rsc"] == 2001
        notifications = client.serve(3)
        assert readings(notifications) == ["1", "2", "3"]
        assert {request["op"] for request in notifications} == {NOTIFY}
        container = client.request(RETRIEVE, "cse-in/Cflow/data", "Cflow")
        assert (container["rsc"], container["pc"]["m2m:cnt"]["cni"]) == (2000, 2)
        latest = client.request(RETRIEVE, "cse-in/Cflow/data/la", "Cflow")
        assert latest["pc"]["m2m:cin"]["con"] == "3"
        updated = client.request(UPDATE, "cse-in/Cflow/data", "Cflow", pc={"m2m:cnt": {"lbl": ["room"]}})
        assert updated["rsc"] == 2004
        assert client.request(DELETE, "cse-in/Cflow", "Cflow")["rsc"] == 2002


def test_ws_5_2_9_and_ws_6_4_4_and_ws_6_5_4_what_was_missed_comes_after_reopening(registrar: Registrar) -> None:
    with WireClient(registrar.url, originator="Csource") as source:
        assert register(source, "Csource")["rsc"] == 2001
        made = source.request(CREATE, "cse-in/Csource", "Csource", ty=3, pc={"m2m:cnt": {"rn": "data"}})
        assert made["rsc"] == 2001
        with WireClient(registrar.url, originator="Csink") as sink:
            assert register(sink, "Csink")["rsc"] == 2001
            subscription = {"rn": "s", "nu": ["Csink"], "enc": {"net": [3]}, "nct": 1}
            asked = source.start(CREATE, "cse-in/Csource/data", "Csource", ty=23, pc={"m2m:sub": subscription})
            (verification,) = sink.serve(1)
            assert verification["pc"]["m2m:sgn"]["vrq"] is True
            assert source.response(asked)["rsc"] == 2001
        for reading in ("1", "2", "3"):
            added = source.request(CREATE, "cse-in/Csource/data", "Csource", ty=4, pc={"m2m:cin": {"con": reading}})
            assert added["rsc"] == 2001
        with WireClient(registrar.url, originator="Csink") as sink:
            # No registration: its own <AE> is still there.
            own = sink.request(RETRIEVE, "cse-in/Csink", "Csink")
            assert (own["rsc"], own["pc"]["m2m:ae"]["aei"]) == (2000, "Csink")
            assert readings(sink.serve(3)) == ["1", "2", "3"]


def test_ws_6_4_3_nothing_but_a_registration_comes_first(registrar: Registrar) -> None:
    with WireClient(registrar.url, originator="Cnobody") as client:
        refused = client.request(RETRIEVE, "cse-in", "Cnobody")
        assert 4000 <= refused["rsc"] < 5000
        assert register(client, "Cnobody")["rsc"] == 2001
        assert client.request(RETRIEVE, "cse-in/Cnobody", "Cnobody")["rsc"] == 2000


def test_ws_6_2_3_5_1_no_name_in_common_is_refused_with_400(registrar: Registrar) -> None:
    for offer in ("mqtt", "oneM2M.nothing, chat"):
        with pytest.raises(Refused) as refused:
            WireClient(registrar.url, originator="Cname", subprotocol=offer)
        assert refused.value.status == 400
    with WireClient(registrar.url, originator="Cname", subprotocol="chat, oneM2M.R2.0.json") as client:
        assert client.subprotocol == "oneM2M.R2.0.json"


@pytest.mark.parametrize("bad", ["{bad", "[]", "42", '"x"', "null", "{}", '{"op":2,"fr":"a","fr":"b","rqi":"1"}'])
def test_malformed_primitives_disturb_nothing_else(registrar: Registrar, bad: str) -> None:
    with WireClient(registrar.url, originator="Cgood") as good:
        assert register(good, "Cgood")["rsc"] == 2001
        with WireClient(registrar.url, originator="Cbad") as client:
            client.send_frame(1, bad.encode())
            try:
                answer = client.receive()
                assert 4000 <= answer["rsc"] < 5000
            except ConnectionError as error:
                # Where no answer can be addressed, a close with a reason is one as well; a bare end of TCP is not.
                assert "closed with" in str(error)
        assert good.request(RETRIEVE, "cse-in/Cgood", "Cgood")["rsc"] == 2000
