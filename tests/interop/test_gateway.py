"""The example gateway of every language, between a registrar of ours and an AE, and with its registrar lost meanwhile.

Covers: rows WS-5.2-2 and WS-5.2-8 across languages.
"""

from __future__ import annotations

import queue
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from ours import Registrar
from test_examples import LANGUAGES, SECONDS, command

from onem2m_ws import sync


class Gateway:
    """The example as a process, until the `with` block ends."""

    def __init__(self, language: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*command("gateway", language), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def says(self, what: str) -> str:
        """The next line that has this in it."""
        while what not in (line := self.lines.get(timeout=SECONDS)):
            pass
        return line

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()


def reading(request: sync.IncomingRequest) -> str | None:
    """What a notification tells; `None` if it is about the subscription."""
    notification = (request.content or {})["m2m:sgn"]
    content: str | None = notification["nev"]["rep"]["m2m:cin"]["con"] if "nev" in notification else None
    return content


@pytest.mark.parametrize("language", LANGUAGES)
def test_ws_5_2_2_a_gateway_serves_an_ae_and_survives_its_registrar(language: str, tmp_path: Path) -> None:
    store = ["--store", str(tmp_path / "store")]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    above = Registrar(*store, port=port)
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    try:
        with Gateway(language, "--registrar", above.url, "--listen", "ws://127.0.0.1:0") as gateway:
            listening = gateway.says("gateway: /id-mn listens at ws://")
            gateway.says(f"gateway: registered at /id-in, {above.url}; 0 wait for it")
            with (
                sync.connect(above.url, originator="Cboss", reopen_delay_max=0.5) as boss,
                sync.connect(listening.split()[-1], originator="Csensor") as sensor,
            ):
                latest: list[str | None] = [None]

                @boss.on_request
                def hear(request: sync.IncomingRequest) -> None:
                    content = reading(request)
                    # What was under way when the registrar was killed may come twice.
                    if content is not None and content != latest[0]:
                        latest[0] = content
                        heard.put(content)

                def publish(*numbers: int) -> None:
                    for number in numbers:
                        content = {"m2m:cin": {"con": str(number)}}
                        sensor.create("cse-mn/sensor/data", ty=4, content=content).raise_for_status()

                def arrive(*numbers: int) -> None:
                    assert [heard.get(timeout=SECONDS) for _ in numbers] == [str(number) for number in numbers]

                boss.register_ae(app_id="Nboss", name="boss")
                sensor.register_ae(app_id="Nsensor", name="sensor")
                sensor.create("cse-mn/sensor", ty=3, content={"m2m:cnt": {"rn": "data"}}).raise_for_status()
                subscription = {"m2m:sub": {"rn": "boss", "nu": ["/id-in/Cboss"], "enc": {"net": [3]}}}
                boss.create("/id-mn/cse-mn/sensor/data", ty=23, content=subscription).raise_for_status()
                publish(1)
                arrive(1)

                above.kill()
                gateway.says("gateway: /id-in is away: ")
                publish(*range(2, 11))
                assert sensor.retrieve("/id-in/cse-in").status == 5103
                above = Registrar(*store, port=port)
                gateway.says("gateway: registered at /id-in, ")
                arrive(*range(2, 11))
                assert sensor.retrieve("/id-in/cse-in").ok
            gateway.process.send_signal(signal.SIGINT)
            gateway.says("gateway: stops")
            assert gateway.process.wait(SECONDS) == 0
        assert above.stop() == 0
    finally:
        above.process.kill()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_gateway_says_how_it_is_used(language: str) -> None:
    done = subprocess.run(command("gateway", language), capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode != 0 and "--registrar" in done.stderr
