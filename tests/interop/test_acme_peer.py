"""ACME alone, seen through a client that shares no code with the library: the peer is what our tests take it for.

When one of these fails, the tests of the library against ACME say nothing.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Callable

import pytest
from acme import ADMIN, Acme
from wsclient import Refused, WireClient


def test_acme_has_its_cse_base(acme: Acme) -> None:
    with acme.connect("Cpeerbase") as client:
        answer = client.request(2, acme.cse_name, ADMIN)
    assert answer["rsc"] == 2000
    assert answer["pc"]["m2m:cb"]["csi"] == acme.cse_id
    assert acme.url in answer["pc"]["m2m:cb"]["poa"]


def test_acme_takes_the_current_name_only(acme: Acme) -> None:
    with WireClient(acme.url, originator="Cpeername") as client:
        assert client.subprotocol == "oneM2M.json"
    with pytest.raises(Refused) as refused:
        WireClient(acme.url, originator="Cpeername", subprotocol="oneM2M.R2.0.json")
    assert refused.value.status == 400


def test_acme_notifies_over_the_connection_of_the_registree(acme: Acme) -> None:
    with acme.connect("Cpeernotify") as client:
        ae = {"rn": "peernotify", "api": "Npeer", "rr": True, "srv": ["4"], "poa": ["ws://default"]}
        made = [
            client.request(1, "cse-in", "Cpeernotify", ty=2, pc={"m2m:ae": ae}),
            client.request(1, "cse-in/peernotify", "Cpeernotify", ty=3, pc={"m2m:cnt": {"rn": "data"}}),
            client.request(
                1,
                "cse-in/peernotify/data",
                "Cpeernotify",
                ty=23,
                pc={"m2m:sub": {"rn": "s", "nu": ["Cpeernotify"], "enc": {"net": [3]}, "nct": 1}},
            ),
        ]
        assert [answer["rsc"] for answer in made] == [2001, 2001, 2001], made
        # The notification may come before the answer to the request that caused it, or after.
        answer = client.request(1, "cse-in/peernotify/data", "Cpeernotify", ty=4, pc={"m2m:cin": {"con": "21.5"}})
        (notification,) = client.serve(1)
    assert answer["rsc"] == 2001
    assert notification["op"] == 5
    assert notification["pc"]["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"] == "21.5"


def test_acme_mn_registers_at_an_acme_in(
    acme: Acme, acme_mn: Callable[[str, str], AbstractContextManager[Acme]]
) -> None:
    with acme_mn(acme.url, "json") as mn:
        remote = acme.wait_for("the MN's <remoteCSE> at the IN", "cse-in/id-mn")
        assert remote["pc"]["m2m:csr"]["csi"] == mn.cse_id
        mn.wait_for("the IN's <remoteCSE> at the MN", "cse-mn/id-in")
