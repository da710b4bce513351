"""The sensor and the actuator of every language with those of every other one, on our registrar and on ACME; offline.

Covers: rows WS-5.2-10, WS-5.2-6, WS-5.2-9 and WS-6.5-4 across languages.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import acme as acme_cse
import pytest
from ours import Registrar

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SECONDS = 90


def command(program: str, language: str) -> list[str]:
    """How a person starts an example."""
    return {
        "rust": [str(TARGET / "debug" / "examples" / program)],
        "c": [str(ROOT / "build" / "examples" / program)],
        "python": [sys.executable, str(ROOT / "examples" / "python" / f"{program}.py")],
    }[language]


def run(url: str, sensor: str, actuator: str, arguments: Sequence[str] = (), rest: bool = False) -> str:
    """Runs both until they end by themselves; returns what the actuator printed."""
    count = ["--count", "4"]
    resting = ["--rest-after", "2", "--rest", "1.0"] if rest else []
    acting = subprocess.Popen(
        [*command("actuator", actuator), url, *count, *resting, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        # More readings than the actuator waits for: it may subscribe after the first ones.
        sensing = subprocess.run(
            [*command("sensor", sensor), url, "--count", "25", "--interval", "0.1", *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        output, _ = acting.communicate(timeout=SECONDS)
    finally:
        acting.kill()
    assert sensing.returncode == 0, sensing.stdout + sensing.stderr
    assert acting.returncode == 0, output
    return output


LANGUAGES = ["rust", "c", "python"]


@pytest.mark.parametrize("actuator", LANGUAGES)
@pytest.mark.parametrize("sensor", LANGUAGES)
def test_ws_5_2_10_sensor_and_actuator_of_every_language(registrar: Registrar, sensor: str, actuator: str) -> None:
    output = run(registrar.url, sensor, actuator)
    assert output.count("valve") == 4, output


@pytest.mark.parametrize("actuator", LANGUAGES)
def test_ws_6_5_4_an_actuator_that_was_away_gets_what_was_stored(registrar: Registrar, actuator: str) -> None:
    output = run(registrar.url, "rust", actuator, rest=True)
    readings = [float(line.split()[1]) for line in output.splitlines() if "valve" in line]
    assert readings == [readings[0] + step for step in range(4)], output


@pytest.mark.parametrize("language", LANGUAGES)
def test_ws_5_2_10_sensor_and_actuator_on_acme(acme_installed: None, language: str) -> None:
    with acme_cse.running() as acme:
        output = run(acme.url, language, language, ["--preset", "acme", "--cse-name", acme.cse_name])
    assert output.count("valve") == 4, output


def offline(url: str, language: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command("offline", language), url, *arguments], capture_output=True, text=True, timeout=SECONDS
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_ws_6_5_4_offline_gets_all_that_it_missed_in_order(registrar: Registrar, language: str) -> None:
    # Twice: it leaves nothing behind.
    for count in (5, 1000):
        done = offline(registrar.url, language, "--count", str(count))
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines() == [
            "offline: registered Cwriter",
            "offline: registered Creader",
            "offline: subscribed to cse-in/writer/data",
            "offline: received 1",
            "offline: away",
            *(f"offline: published {number} meanwhile" for number in range(2, count + 1)),
            "offline: back",
            *(f"offline: received {number}" for number in range(2, count + 1)),
            "offline: nothing was lost",
        ]


def test_the_demo_sees_every_step() -> None:
    demo = [sys.executable, str(ROOT / "examples" / "demo.py"), "--actuator", command("actuator", "c")[0]]
    done = subprocess.run(demo, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOT SEEN" not in done.stdout
    assert done.stdout.count("seen:") >= 20, done.stdout


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("program", ["sensor", "actuator", "offline"])
def test_an_example_without_a_registrar_says_so_and_fails(program: str, language: str) -> None:
    done = subprocess.run(
        [*command(program, language), "ws://127.0.0.1:1"], capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode != 0
    assert "127.0.0.1:1" in done.stdout + done.stderr
