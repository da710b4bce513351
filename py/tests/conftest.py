"""Fixtures: both faces of the package, a registrar of ours, a peer that does what a test says, and ACME if it runs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from faces import AsyncFace, Face
from peer import Peer

import onem2m_ws.sync

_numbers = itertools.count(1)


@pytest.fixture(params=["asyncio", "sync"])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    """The face of the package that the test is for: every test that asks for it runs with both."""
    face = AsyncFace() if request.param == "asyncio" else Face()
    yield face
    face.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A registrar's end that says yes to everything; a test may set its `answer`."""
    with Peer() as peer:
        yield peer


@pytest.fixture(scope="session")
def registrar() -> Iterator[onem2m_ws.sync.Registrar]:
    """A registrar of ours for all tests; each has a name of its own."""
    with onem2m_ws.sync.Registrar(listen="ws://127.0.0.1:0") as registrar:
        yield registrar


@pytest.fixture
def name() -> str:
    """A name that no other test uses, also in a later run against the same ACME."""
    return f"t{os.getpid()}x{next(_numbers)}"


@dataclass
class Acme:
    """Where ACME listens, and what its CSEBase is called."""

    url: str
    cse_name: str


@pytest.fixture
def acme() -> Acme:
    """The ACME that `make test-python` starts around the tests."""
    url = os.environ.get("ACME_WS_URL")
    if url is None:
        pytest.skip("ACME_WS_URL is not set: run `make test-python`, or the tests inside tests/interop/acme.py")
    return Acme(url, os.environ["ACME_CSE_NAME"])


@pytest.fixture
def ae(face: Face, peer: Peer) -> Iterator[Any]:
    """A client registered at `peer`."""
    with face.connect(peer.url, originator="Ctest") as ae:
        ae.register_ae(app_id="Ntest", name="test")
        peer.requests.clear()
        yield ae
