"""Basic and Bearer credentials in the handshake: they go to the registrar, decide there, and are shown nowhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from faces import Face
from peer import Peer, until

from onem2m_ws import errors, sync

#: "gateway:s@cret"
BASIC = "Authorization: Basic Z2F0ZXdheTpzQGNyZXQ="
BEARER = "Authorization: Bearer mF_9.B5f-4.1JqM"


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"basic": ("gateway", "s@cret")}, BASIC), ({"bearer": "mF_9.B5f-4.1JqM"}, BEARER), ({}, None)],
)
def test_they_are_in_the_handshake_and_not_shown(face: Face, settings: dict[str, Any], field: str | None) -> None:
    with Peer() as peer, face.connect(peer.url, originator="Ctest", registered=True, **settings) as ae:
        assert ae.retrieve("cse-in").ok
        assert "s@cret" not in repr(ae) and "gateway" not in repr(ae) and "mF_9" not in repr(ae)
        lines = peer.handshakes[0].split("\r\n")
    assert [line for line in lines if line.startswith("Authorization")] == ([field] if field else [])


def test_ws_6_2_3_1_1_a_registrar_lets_in_whoever_has_an_account(face: Face) -> None:
    with sync.Registrar(
        listen="ws://127.0.0.1:0", users={"gateway": "s@cret"}, tokens={"sensor": "mF_9.B5f-4.1JqM"}
    ) as registrar:
        assert "s@cret" not in repr(registrar) and "mF_9" not in repr(registrar)
        accounts: list[dict[str, Any]] = [{"basic": ("gateway", "s@cret")}, {"bearer": "mF_9.B5f-4.1JqM"}]
        for number, good in enumerate(accounts):
            with face.connect(registrar.url, originator=f"Cgood{number}", **good) as ae:
                ae.register_ae(app_id="Ntest", name=f"good{number}")
        others: list[tuple[dict[str, Any], str]] = [
            ({}, "credentials are wanted"),
            ({"basic": ("gateway", "hunter2hunter2")}, "not accepted"),
            ({"bearer": "hunter2hunter2"}, "not accepted"),
        ]
        for bad, text in others:
            with pytest.raises(errors.HandshakeRefusedError, match=text) as raised:
                face.connect(registrar.url, originator="Cbad", **bad)
            assert raised.value.status == 401 and raised.value.headers["www-authenticate"].startswith("Basic")
            assert "hunter2" not in str(raised.value) + repr(raised.value)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"basic": ("a:b", "hunter2")}, "colon"),
        ({"basic": ("a", "hunter2\n")}, "control"),
        ({"basic": "hunter2"}, "pair"),
        ({"basic": (b"a", "hunter2")}, "pair"),
        ({"bearer": b"hunter2"}, "text"),
        ({"bearer": "hunter2 "}, "letters"),
        ({"bearer": "hunter2", "basic": ("a", "hunter2")}, "besides"),
        ({"bearer": "hunter2", "headers": {"authorization": "x"}}, "besides"),
    ],
)
def test_what_are_no_credentials(face: Face, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(errors.ArgumentError, match=text) as raised:
        face.connect("ws://127.0.0.1:1", originator="Ctest", **settings)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"users": {"a:b": "hunter2"}}, "colon"),
        ({"users": {"a": ""}}, "password"),
        ({"users": {"a": b"hunter2"}}, "dictionary"),
        ({"users": ["hunter2"]}, "dictionary"),
        ({"users": {}}, "nobody"),
        ({"tokens": {"a": "hunter2 "}}, "letters"),
    ],
)
def test_what_are_no_accounts(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(errors.ArgumentError, match=text) as raised:
        sync.Registrar(listen="ws://127.0.0.1:0", **settings).start()
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "variable", "field"),
    [
        (["--upstream-user", "gateway"], ("ONEM2M_WS_UPSTREAM_PASSWORD", "s@cret"), BASIC),
        ([], ("ONEM2M_WS_UPSTREAM_TOKEN", "mF_9.B5f-4.1JqM"), BEARER),
    ],
)
def test_the_command_has_them_from_the_environment(arguments: list[str], variable: tuple[str, str], field: str) -> None:
    with Peer() as peer:
        command = [sys.executable, "-m", "onem2m_ws", "registrar", "--listen", "ws://127.0.0.1:0", "--cse-id", "/id-mn"]
        with subprocess.Popen(
            [*command, "--upstream", peer.url, *arguments],
            env={**os.environ, variable[0]: variable[1]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                until(lambda: peer.handshakes)
            finally:
                process.send_signal(signal.SIGTERM)
                output, _ = process.communicate(timeout=30)
        assert field in peer.handshakes[0].split("\r\n")
        assert variable[1] not in output
