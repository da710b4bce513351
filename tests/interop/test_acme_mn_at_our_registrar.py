"""A CSE that somebody else wrote registers at our registrar over WebSocket.

Covers: TS-0020 5.2, 6.2.2.9 and 6.4, rows WS-5.2-1, WS-5.2-10 and WS-6.2.2.9-1. ACME opens one connection per request,
offers permessage-deflate, closes with 1000, and looks again every few seconds whether its registration is still there.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Callable

import pytest
from acme import Acme
from ours import Registrar


@pytest.mark.parametrize("serialization", ["json", "cbor"])
def test_ws_5_2_1_an_acme_mn_registers_at_our_registrar(
    registrar: Registrar, acme_mn: Callable[[str, str], AbstractContextManager[Acme]], serialization: str
) -> None:
    with acme_mn(registrar.url, serialization) as mn:
        # The MN makes this resource only after its own CREATE was answered 2001 and our CSEBase could be retrieved.
        seen = mn.wait_for("our CSE at the ACME MN", "cse-mn/id-in")
        remote = seen["pc"]["m2m:csr"]
        assert remote["csi"] == "/id-in"
        assert remote["cb"] == "/id-in/cse-in"
        assert registrar.url in remote["poa"]
