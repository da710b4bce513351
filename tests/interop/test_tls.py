"""TLS with others: Python's ssl as a client of our registrar, which a person starts from a shell, and ACME as a server.

ACME is authenticated, its client is not: it cannot be told which authorities it is to trust.

Covers: rows WS-7-1 and WS-A-1.
"""

from __future__ import annotations

import os
import queue
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import acme as acme_cse
import pytest
from certificates import Authority, Credential
from ours import Registrar
from wsclient import WireClient

import onem2m_ws.sync
from onem2m_ws import TLS, errors

ROOT = Path(__file__).resolve().parents[2]
SECURE = ROOT / "examples" / "python" / "secure.py"
RUST_SECURE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "examples" / "secure"
CREATE, RETRIEVE = 1, 2


@pytest.fixture(scope="module")
def ca() -> Authority:
    return Authority()


@pytest.fixture
def registrar(ca: Authority, tmp_path: Path) -> Iterator[Registrar]:
    """Our registrar with mutual TLS; it must stop cleanly in the end."""
    cert, key = ca.issue("IP:127.0.0.1").save(tmp_path, "in")
    crl = tmp_path / "crl.pem"
    crl.write_bytes(ca.revoked())
    files = ["--cert", str(cert), "--key", str(key), "--ca", str(ca.save(tmp_path)), "--crl", str(crl)]
    started = Registrar(*files, "--peer", "DNS:node.example=Cnode", secure=True)
    try:
        yield started
        assert started.stop() == 0
    finally:
        started.process.kill()


def entity(ca: Authority, name: str) -> Credential:
    return ca.issue(f"URI://onem2m-ws.example/id-in/{name}")


def context(ca: Authority, folder: Path, credential: Credential | None) -> ssl.SSLContext:
    """A client's context."""
    made = ssl.create_default_context(cadata=ca.pem.decode())
    if credential is not None:
        made.load_cert_chain(*credential.save(folder, "client"))
    return made


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_ws_7_1_and_ws_a_1_a_client_of_others_at_our_registrar(
    registrar: Registrar, ca: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    assert registrar.url.startswith("wss://")
    tls = context(ca, tmp_path, entity(ca, "Cwire"))
    tls.minimum_version = tls.maximum_version = version
    with WireClient(registrar.url, originator="Cwire", tls=tls) as client:
        ae = {"rn": "wire", "api": "Na56", "apn": "app1234", "rr": True, "srv": ["4"]}
        assert client.request(CREATE, "cse-in", "Cwire", ty=2, pc={"m2m:ae": ae})["pc"]["m2m:ae"]["aei"] == "Cwire"
        container = {"rn": "home", "mbs": 100000, "mni": 500}
        assert client.request(CREATE, "cse-in/wire", "Cwire", ty=3, pc={"m2m:cnt": container})["rsc"] == 2001
        # More than a record of TLS, in both directions.
        text = "x" * 100_000
        cin = {"m2m:cin": {"con": text[:99_000]}}
        assert client.request(CREATE, "cse-in/wire/home", "Cwire", ty=4, pc=cin)["rsc"] == 2001
        assert client.request(RETRIEVE, "cse-in/wire/home/la", "Cwire")["pc"] == {
            "m2m:cin": {**client.request(RETRIEVE, "cse-in/wire/home/la", "Cwire")["pc"]["m2m:cin"], **cin["m2m:cin"]}
        }
    with WireClient(registrar.url, tls=context(ca, tmp_path, ca.issue("DNS:node.example"))) as node:
        assert node.subprotocol == "oneM2M.json"
    for nobody in (None, Authority().issue("DNS:node.example"), ca.issue("DNS:other.example")):
        with pytest.raises(OSError):
            WireClient(registrar.url, tls=context(ca, tmp_path, nobody))


def test_ws_7_1_the_command_reads_its_files_anew(registrar: Registrar, ca: Authority, tmp_path: Path) -> None:
    lost = entity(ca, "Clost")
    with WireClient(registrar.url, originator="Clost", tls=context(ca, tmp_path, lost)) as client:
        ae = {"api": "Nx", "rr": True, "srv": ["4"]}
        assert client.request(CREATE, "cse-in", "Clost", ty=2, pc={"m2m:ae": ae})["rsc"] == 2001
        (tmp_path / "crl.pem").write_bytes(ca.revoked(lost))
        registrar.process.send_signal(signal.SIGHUP)
        with pytest.raises(ConnectionError, match="1008"):
            client.receive()
    assert registrar.process.stdout is not None
    assert registrar.process.stdout.readline() == b"read the files of TLS anew, closed 1 connections\n"


def run_secure(url: str, ca: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The example, as a person starts it."""
    command = [sys.executable, str(SECURE), "--poa", url, "--ca", str(ca), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=90)


def test_ws_a_1_the_example_at_our_registrar(registrar: Registrar, ca: Authority, tmp_path: Path) -> None:
    cert, key = entity(ca, "CSmartHome").save(tmp_path, "ae")
    authority = ca.save(tmp_path)
    for _ in range(2):  # it leaves nothing behind
        done = run_secure(registrar.url, authority, "--cert", str(cert), "--key", str(key))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            "secure: connected to IP:127.0.0.1, in json",
            "secure: registered as CSmartHome",
            "secure: container -> 2001 CREATED",
            "secure: contentInstance -> 2001 CREATED",
        ]
    done = run_secure(registrar.url, authority)
    assert done.returncode == 1 and done.stderr.startswith("secure: ") and "certificate" in done.stderr


def test_ws_a_1_the_example_in_rust_at_our_registrar(registrar: Registrar, ca: Authority, tmp_path: Path) -> None:
    cert, key = entity(ca, "CSmartHome").save(tmp_path, "ae")
    command = [str(RUST_SECURE), "--poa", registrar.url, "--ca", str(ca.save(tmp_path)), "--cert", str(cert)]
    for _ in range(2):
        done = subprocess.run([*command, "--key", str(key)], capture_output=True, text=True, timeout=90)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            "secure: connected to IP:127.0.0.1",
            "secure: registered as CSmartHome",
            "secure: a resource below cse-in/SmartHomeApplication -> 2001 CREATED",
            "secure: a resource below cse-in/SmartHomeApplication/SmartHomeContainer -> 2001 CREATED",
        ]
    # In another's name.
    done = subprocess.run(
        [*command, "--key", str(key), "--originator", "Cother"], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 1 and "403" in done.stderr, done.stderr


def test_ws_7_1_and_ws_a_1_at_acme(acme_installed: None, ca: Authority, tmp_path: Path) -> None:
    authority = ca.save(tmp_path)
    with acme_cse.running(tls=ca.issue("IP:127.0.0.1").save(tmp_path, "acme")) as acme:
        assert acme.url.startswith("wss://")
        seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        tls = TLS(ca=authority)
        with onem2m_ws.sync.connect(acme.url, originator="Csecure", preset="acme", tls=tls) as ae:
            assert ae.peer_identity is not None and ae.peer_identity.names == ("IP:127.0.0.1",)
            ae.register_ae(app_id="Ntest", name="secure")
            ae.create("cse-in/secure", ty=3, content={"m2m:cnt": {"rn": "data"}}).raise_for_status()
            ae.subscribe("cse-in/secure/data", lambda n: seen.put(n.representation), name="sub")
            cin = {"m2m:cin": {"con": "21.5"}}
            ae.create("cse-in/secure/data", ty=4, content=cin).raise_for_status()
            assert seen.get(timeout=10)["m2m:cin"]["con"] == "21.5"
            ae.disconnect()
            assert ae.retrieve("cse-in/secure/data/la").ok
            assert ae.delete("cse-in/secure").ok
        with pytest.raises(errors.PeerNotTrustedError):
            onem2m_ws.sync.connect(acme.url, preset="acme", tls=TLS(ca=Authority().pem))
        done = run_secure(acme.url, authority, "--preset", "acme")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert "secure: contentInstance -> 2001 CREATED" in done.stdout
