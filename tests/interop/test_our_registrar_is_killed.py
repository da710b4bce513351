"""Our registrar is killed and started again under a CSE that somebody else wrote.

Covers: rows WS-5.2-1 and WS-5.2-9. An ACME MN looks every `checkInterval` (here 5 s) whether its
registrar still knows it.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Callable

import pytest
from acme import ADMIN, Acme, free_port
from ours import Registrar
from wsclient import WireClient

RETRIEVE = 2


def remote(registrar: Registrar) -> Any:
    """What our registrar answers when it is asked for the <remoteCSE> of the MN."""
    with WireClient(registrar.url, originator=ADMIN) as admin:
        return admin.request(RETRIEVE, "cse-in/id-mn", ADMIN)


def wait_for_remote(mn: Acme, registrar: Registrar, seconds: float = 90.0) -> Any:
    """Asks until the MN has registered."""
    deadline = time.monotonic() + seconds
    while (answer := remote(registrar))["rsc"] != 2000:
        assert time.monotonic() < deadline, f"the MN did not register within {seconds:.0f} s: {answer}\n{mn.log()}"
        time.sleep(0.2)
    return answer


@pytest.mark.parametrize("noticed", [False, True], ids=["at-once", "after-the-mn-noticed"])
def test_ws_5_2_1_an_acme_mn_comes_back_to_a_registrar_that_was_killed_and_forgot_it(
    acme_mn: Callable[[str, str], AbstractContextManager[Acme]], noticed: bool
) -> None:
    port = free_port()
    registrar = Registrar(port=port)
    try:
        with acme_mn(registrar.url, "json") as mn:
            mn.wait_for("our CSE at the ACME MN", "cse-mn/id-in")
            before = remote(registrar)
            assert (before["rsc"], before["pc"]["m2m:csr"]["csi"]) == (2000, "/id-mn")

            registrar.kill()
            if noticed:
                mn.wait_for("the MN lets go of a registrar that is gone", "cse-mn/id-in", rsc=4004)
            registrar = Registrar(port=port)
            assert remote(registrar)["rsc"] == 4004, "it has forgotten everything"

            # The MN asks for its own <remoteCSE>, hears that there is none, and registers anew.
            again = wait_for_remote(mn, registrar)
            assert again["pc"]["m2m:csr"]["csi"] == "/id-mn"
            mn.wait_for("our CSE at the ACME MN, again", "cse-mn/id-in")
        assert registrar.stop() == 0
    finally:
        registrar.process.kill()


def test_ws_6_4_4_an_acme_mn_finds_its_registration_at_a_registrar_that_was_killed_and_remembers(
    acme_mn: Callable[[str, str], AbstractContextManager[Acme]], tmp_path: Path
) -> None:
    port, store = free_port(), str(tmp_path / "cse.store")
    registrar = Registrar("--store", store, port=port)
    try:
        with acme_mn(registrar.url, "json") as mn:
            mn.wait_for("our CSE at the ACME MN", "cse-mn/id-in")
            before = remote(registrar)["pc"]["m2m:csr"]
            registrar.kill()
            registrar = Registrar("--store", store, port=port)
            after = remote(registrar)
            assert after["rsc"] == 2000, "it remembers"
            known = ("ri", "ct", "csi")
            assert [after["pc"]["m2m:csr"][name] for name in known] == [before[name] for name in known]
            # The MN looks for it, finds it, and does not register anew.
            time.sleep(6)
            assert remote(registrar)["pc"]["m2m:csr"]["ct"] == before["ct"]
        assert registrar.stop() == 0
    finally:
        registrar.process.kill()
