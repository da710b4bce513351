"""The examples and the guide, as a person uses them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from certificates import Authority
from conftest import Acme

from onem2m_ws import TLS, sync

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "python"
GUIDE = ROOT / "docs" / "guide-python.md"


def run_examples(url: str, *arguments: str) -> tuple[str, str]:
    actuator = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "actuator.py"), url, "--count", "3", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with actuator:
        try:
            # More readings than the actuator waits for: it may subscribe after the first ones.
            sensor = subprocess.run(
                [sys.executable, str(EXAMPLES / "sensor.py"), url, "--count", "15", "--interval", "0.05", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
            )
            output, _ = actuator.communicate(timeout=60)
        finally:
            actuator.kill()
    assert sensor.returncode == 0, sensor.stdout
    assert actuator.returncode == 0, output
    return sensor.stdout, output


def test_ws_5_2_10_sensor_and_actuator() -> None:
    with sync.Registrar(listen="ws://127.0.0.1:0", cse_name="cse-x") as registrar:
        published, acted = run_examples(registrar.url, "--cse-name", "cse-x")
    assert published.count("2001 CREATED") == 15
    assert acted.count(" degrees, valve ") == 3


def test_ws_5_2_10_sensor_and_actuator_at_acme(acme: Acme) -> None:
    try:
        _, acted = run_examples(acme.url, "--preset", "acme", "--cse-name", acme.cse_name)
        assert acted.count(" degrees, valve ") == 3
    finally:
        # Others use the same ACME and the same names.
        with sync.connect(acme.url, originator="CAdmin", registered=True, preset="acme") as admin:
            for name in ("sensor", "actuator"):
                admin.delete(f"{acme.cse_name}/{name}")


def test_ws_a_1_annex_a_1_over_wss(tmp_path: Path) -> None:
    """The primitives of the figure, with a registrar that wants a certificate of the AE."""
    ca = Authority()
    server = ca.issue("DNS:in.sp.example")
    cert, key = ca.issue("URI://onem2m-ws.example/id-in/CSmartHome").save(tmp_path, "ae")
    options = ["--cert", str(cert), "--key", str(key), "--ca", str(ca.save(tmp_path)), "--cse-name", "cse-x"]
    tls = TLS(cert=server.cert, key=server.key, ca=ca.pem)
    with sync.Registrar(listen="wss://127.0.0.1:0", cse_name="cse-x", tls=tls) as registrar:
        command = [sys.executable, str(EXAMPLES / "secure.py"), "--poa", registrar.url, *options]
        result = subprocess.run(
            [*command, "--server-name", "in.sp.example"], capture_output=True, text=True, timeout=60
        )
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.splitlines() == [
            "secure: connected to DNS:in.sp.example, in json",
            "secure: registered as CSmartHome",
            "secure: container -> 2001 CREATED",
            "secure: contentInstance -> 2001 CREATED",
        ]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert result.returncode == 1 and "--server-name" not in result.stderr
        assert result.stderr.startswith(f"secure: {registrar.url}: ") and "server_name" in result.stderr


@pytest.mark.parametrize("name", ["sensor", "actuator"])
def test_an_example_without_a_registrar_says_so(name: str) -> None:
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), "ws://127.0.0.1:1"], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 1
    assert result.stderr.startswith(f"{name}: ") and "127.0.0.1:1" in result.stderr


PROGRAMS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_the_programs_of_the_guide(number: int, tmp_path: Path) -> None:
    """Each is a whole program that ends by itself, with a registrar at the address that it names."""
    text, tls = PROGRAMS[number], None
    place, listen = "ws://localhost:9000", "ws://127.0.0.1:0"
    if "wss://" in text:
        place, listen = "wss://localhost:9443", "wss://127.0.0.1:0"
        ca = Authority()
        ca.save(tmp_path)
        ca.issue("URI://onem2m-ws.example/id-in/Cguide10").save(tmp_path, "ae")
        server = ca.issue("IP:127.0.0.1")
        tls = TLS(cert=server.cert, key=server.key, ca=ca.pem)
    with sync.Registrar(listen=listen, tls=tls) as registrar:
        text = text.replace(place, registrar.url)
        result = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, ""), text


def test_the_guide_has_programs() -> None:
    assert len(PROGRAMS) >= 5
