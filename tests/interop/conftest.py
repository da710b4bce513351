"""Fixtures of the tests across languages: ACME as a peer, and our registrar started from the shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Callable

import acme as acme_cse
import pytest
from ours import Registrar


@pytest.fixture(scope="session")
def acme_installed() -> None:
    """Skips the test, with the reason in pytest's summary, where ACME cannot be installed."""
    try:
        acme_cse.interpreter()
    except acme_cse.Unavailable as reason:
        pytest.skip(f"SKIPPED, tests against ACME: {reason}")


@pytest.fixture(scope="session")
def acme(acme_installed: None) -> Iterator[acme_cse.Acme]:
    """An ACME IN-CSE (`/id-in`, `cse-in`) for the whole run, at which `/id-mn` may register."""
    with acme_cse.running(members=["/id-mn"]) as running:
        yield running


@pytest.fixture
def acme_mn(acme_installed: None) -> Callable[[str, str], AbstractContextManager[acme_cse.Acme]]:
    """Starts an ACME MN-CSE (`/id-mn`, `cse-mn`) that registers at the registrar of this address, in a format."""
    return lambda registrar, serialization: acme_cse.running(registrar=registrar, serialization=serialization)


@pytest.fixture
def registrar() -> Iterator[Registrar]:
    """Our registrar on a free port, as `/id-in` with the CSEBase `cse-in`; it must stop cleanly in the end."""
    started = Registrar()
    try:
        yield started
        assert started.stop() == 0
    finally:
        started.process.kill()
