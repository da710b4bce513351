"""The main job of the binding on one screen: figure 5.2-2 of TS-0020, with real programs and real primitives.

    python examples/demo.py --actuator build/examples/actuator

Starts the embedded registrar, and on it a sensor in Python (this program) and an actuator in C (examples/c/actuator.c).
Both speak through a wire tap, which prints what travels and which the demo watches: a step counts as seen only if it
was seen on the wire. Exit status 0 only if every step was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import onem2m_ws

OPERATIONS = {1: "CREATE", 2: "RETRIEVE", 3: "UPDATE", 4: "DELETE", 5: "NOTIFY"}
NAMES = {"Csensor": "sensor (Python)", "Cactuator": "actuator (C)"}
PATIENCE = 10.0


@dataclass(frozen=True)
class Seen:
    """One thing on the wire."""

    who: str
    """The originator that the handshake named."""
    connection: int
    """Which connection of that originator: 1, 2, ..."""
    upwards: bool
    """From the entity to the registrar."""
    kind: str
    """`handshake`, `primitive` or `close`."""
    primitive: dict[str, Any]

    @property
    def operation(self) -> str | None:
        return OPERATIONS.get(self.primitive.get("op", 0))

    @property
    def reading(self) -> Any:
        """What a notification of a new contentInstance carries."""
        event = self.primitive.get("pc", {}).get("m2m:sgn", {}).get("nev", {})
        return event.get("rep", {}).get("m2m:cin", {}).get("con")

    def is_request(self, operation: str, ty: int | None = None) -> bool:
        return self.operation == operation and (ty is None or self.primitive.get("ty") == ty)


class Screen:
    """Tells what happens as it happens, in colours where a person looks."""

    def __init__(self) -> None:
        self.coloured = sys.stdout.isatty()
        self.begin = time.monotonic()

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured else text

    def title(self, text: str) -> None:
        print(f"\n{self._paint(text, '1')}", flush=True)

    def wire(self, who: str, upwards: bool, text: str) -> None:
        arrow = "──►" if upwards else "◄──"
        head = f"{time.monotonic() - self.begin:6.2f}  {NAMES.get(who, who):>15} {arrow} registrar  "
        for number, line in enumerate(textwrap.wrap(text, 110, break_on_hyphens=False) or [""]):
            print((self._paint(head, "36" if upwards else "33") if number == 0 else " " * len(head)) + line, flush=True)

    def verdict(self, good: bool, text: str) -> None:
        print(f"        {self._paint('seen', '32') if good else self._paint('NOT SEEN', '31')}: {text}", flush=True)


class Frames:
    """Reads the frames of one direction of an uncompressed WebSocket connection (RFC 6455 5.2)."""

    def __init__(self) -> None:
        self.data = b""
        self.message = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The whole messages and control frames that have come: opcode and payload."""
        self.data += data
        found = []
        while (frame := self._frame()) is not None:
            opcode, final, payload = frame
            if opcode >= 8:
                found.append((opcode, payload))
                continue
            self.message += payload
            if final:
                found.append((1, self.message))
                self.message = b""
        return found

    def _frame(self) -> tuple[int, bool, bytes] | None:
        if len(self.data) < 2:
            return None
        length, at = self.data[1] & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(self.data) < at + size:
                return None
            (length,) = struct.unpack(">H" if size == 2 else ">Q", self.data[at : at + size])
            at += size
        masked = bool(self.data[1] & 0x80)
        end = at + (4 if masked else 0) + length
        if len(self.data) < end:
            return None
        payload = self.data[end - length : end]
        if masked:
            key = self.data[at : at + 4]
            payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
        opcode, final = self.data[0] & 0x0F, bool(self.data[0] & 0x80)
        self.data = self.data[end:]
        return opcode, final, payload


class Tap:
    """Stands between the entities and the registrar, and sees everything."""

    def __init__(self, registrar: str, screen: Screen) -> None:
        self.registrar = urlsplit(registrar)
        self.screen = screen
        self.seen: list[Seen] = []
        self.news = asyncio.Condition()
        self.server: asyncio.Server | None = None

    async def start(self) -> str:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self.server.sockets[0].getsockname()[:2]
        return f"ws://{host}:{port}"

    async def wait(self, what: Callable[[Seen], bool], count: int = 1, timeout: float = PATIENCE) -> bool:
        """Waits until `count` such things have been seen."""

        def enough() -> bool:
            return sum(1 for seen in self.seen if what(seen)) >= count

        async with self.news:
            try:
                await asyncio.wait_for(self.news.wait_for(enough), timeout)
            except asyncio.TimeoutError:
                return False
        return True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(self.registrar.hostname, self.registrar.port)
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:] if ": " in line)
            who = fields.get("X-M2M-Origin", "?")
            number = 1 + max((seen.connection for seen in self.seen if seen.who == who), default=0)
            self._print_head(who, True, head)
            up_writer.write(head)
            answer = await up_reader.readuntil(b"\r\n\r\n")
            self._print_head(who, False, answer)
            writer.write(answer)
            await self._note(Seen(who, number, True, "handshake", {"answer": answer.split(b"\r\n")[0].decode()}))
            await asyncio.gather(
                self._copy(reader, up_writer, who, number, True), self._copy(up_reader, writer, who, number, False)
            )
        except (OSError, asyncio.IncompleteReadError):
            pass  # a connection that ends is seen by what is missing
        finally:
            writer.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: str, number: int, upwards: bool
    ) -> None:
        frames = Frames()
        while data := await reader.read(65536):
            for opcode, payload in frames.feed(data):
                if opcode == 8:
                    code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else "none"
                    self.screen.wire(who, upwards, f"close frame, code {code}")
                    await self._note(Seen(who, number, upwards, "close", {}))
                elif opcode == 1:
                    primitive = json.loads(payload)
                    name = OPERATIONS.get(primitive.get("op", 0)) or f"response {primitive.get('rsc')}"
                    self.screen.wire(who, upwards, f"{name}  {payload.decode()}")
                    await self._note(Seen(who, number, upwards, "primitive", primitive))
            writer.write(data)
            await writer.drain()
        writer.close()

    def _print_head(self, who: str, upwards: bool, head: bytes) -> None:
        for line in head.decode().splitlines():
            if line:
                self.screen.wire(who, upwards, line)

    async def _note(self, seen: Seen) -> None:
        async with self.news:
            self.seen.append(seen)
            self.news.notify_all()


class Demo:
    """The steps, and which of them were seen."""

    def __init__(self, screen: Screen, tap: Tap) -> None:
        self.screen = screen
        self.tap = tap
        self.missing = 0

    def check(self, good: bool, text: str) -> None:
        self.screen.verdict(good, text)
        self.missing += not good

    async def expect(self, text: str, what: Callable[[Seen], bool], count: int = 1) -> None:
        self.check(await self.tap.wait(what, count), text)

    async def publish(self, sensor: onem2m_ws.Client, readings: list[str]) -> None:
        for reading in readings:
            await sensor.create("cse-in/sensor/data", ty=4, content={"m2m:cin": {"con": reading}})

    def notified(self, connection: int, reading: str) -> Callable[[Seen], bool]:
        def matches(seen: Seen) -> bool:
            return (seen.who, seen.connection, seen.reading) == ("Cactuator", connection, reading)

        return matches

    async def run(self, url: str, actuator_program: str) -> None:
        title, expect = self.screen.title, self.expect

        title("1  A sensor connects, registers, and creates a container (figure 5.2-2, steps 1 to 14)")
        sensor = await onem2m_ws.connect(url, originator="Csensor")
        registration = await sensor.register_ae(app_id="Nsensor", name="sensor")
        await sensor.create("cse-in/sensor", ty=3, content={"m2m:cnt": {"rn": "data"}})
        await expect("opening handshake", lambda s: s.who == "Csensor" and s.kind == "handshake")
        await expect("registration: CREATE <AE>", lambda s: s.who == "Csensor" and s.is_request("CREATE", 2))
        self.check("Csensor" in str(registration), "the registration is in force")

        title("2  CRUDN over the same connection (step 15)")
        await sensor.retrieve("cse-in/sensor/data")
        await sensor.update("cse-in/sensor/data", content={"m2m:cnt": {"lbl": ["unit:celsius"]}})
        found = await sensor.discover("cse-in", labels=["unit:celsius"])
        self.check(found.content == {"m2m:uril": ["cse-in/sensor/data"]}, "discovery finds the container by its label")
        await expect("RETRIEVE", lambda s: s.who == "Csensor" and s.is_request("RETRIEVE"))
        await expect("UPDATE", lambda s: s.who == "Csensor" and s.is_request("UPDATE"))

        title("3  An actuator in C connects, registers and subscribes")
        actuator = await asyncio.create_subprocess_exec(
            actuator_program, url, "--count", "4", "--rest-after", "2", "--rest", "1.5"
        )
        await expect("its handshake", lambda s: s.who == "Cactuator" and s.kind == "handshake")
        await expect("its registration", lambda s: s.who == "Cactuator" and s.is_request("CREATE", 2))
        await expect("its subscription", lambda s: s.who == "Cactuator" and s.is_request("CREATE", 23))
        await expect(
            "the registrar's answer to it",
            lambda s: (
                s.who == "Cactuator" and "m2m:sub" in s.primitive.get("pc", {}) and s.primitive.get("rsc") == 2001
            ),
        )

        title("4  The sensor publishes, the C program is notified over its own connection")
        await self.publish(sensor, ["21", "23"])
        for reading in ("21", "23"):
            await expect(f"NOTIFY with {reading}", self.notified(1, reading))
        await expect(
            "answers of the C program",
            lambda s: s.who == "Cactuator" and s.upwards and s.primitive.get("rsc") == 2000,
            2,
        )

        title("5  The actuator closes its connection for a while; its registration stays in force")
        await expect("closing handshake", lambda s: s.who == "Cactuator" and s.kind == "close", 2)

        title("6  The sensor goes on publishing; the registrar stores the notifications")
        await self.publish(sensor, ["19", "24"])
        away = not any(seen.who == "Cactuator" and seen.connection > 1 for seen in self.tap.seen)
        self.check(away, "the actuator is still away")

        title("7  The actuator opens its connection again, without a registration, and gets what was stored")
        await expect("a second handshake", lambda s: s.who == "Cactuator" and s.kind == "handshake", 2)
        for reading in ("19", "24"):
            await expect(f"stored NOTIFY with {reading}", self.notified(2, reading))
        order = [reading for seen in self.tap.seen if seen.connection == 2 and (reading := seen.reading) is not None]
        self.check(order == ["19", "24"], "in the order in which they were published")
        again = any(s.who == "Cactuator" and s.connection == 2 and s.is_request("CREATE", 2) for s in self.tap.seen)
        self.check(not again, "no registration on the second connection")

        title("8  Everybody goes home")
        try:
            status = await asyncio.wait_for(actuator.wait(), PATIENCE)
        except asyncio.TimeoutError:
            actuator.kill()
            status = await actuator.wait()
        self.check(status == 0, f"the C program ended with status {status}")
        deleted = await sensor.delete("cse-in/sensor")
        self.check(deleted.status == 2002, "the sensor's resource, and with it its registration, is deleted")
        await sensor.close()
        await expect("closing handshake of the sensor", lambda s: s.who == "Csensor" and s.kind == "close", 2)


async def main(actuator: str) -> int:
    screen = Screen()
    screen.title("The oneM2M WebSocket binding (TS-0020), end to end")
    async with onem2m_ws.Registrar(listen="ws://127.0.0.1:0") as registrar:
        tap = Tap(registrar.url, screen)
        url = await tap.start()
        print(f"registrar at {registrar.url}, seen through a tap at {url}")
        demo = Demo(screen, tap)
        await demo.run(url, actuator)
    screen.title("All steps were seen." if demo.missing == 0 else f"{demo.missing} steps were NOT seen.")
    return 0 if demo.missing == 0 else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The main job of the binding, on one screen.")
    parser.add_argument("--actuator", required=True, help="the compiled examples/c/actuator.c")
    sys.exit(asyncio.run(main(parser.parse_args().actuator)))
