"""Starts ACME, a CSE that somebody else wrote, for the interoperability tests; from pytest or around a command.

    python tests/interop/acme.py --install                 makes build/acme-venv, once
    python tests/interop/acme.py -- cargo test ...         runs the command with ACME_WS_URL, ACME_CSE_ID, ACME_CSE_NAME
    python tests/interop/acme.py --mn-of ws://127.0.0.1:9000 -- ...   an MN-CSE that registers at that registrar
    python tests/interop/acme.py --tls in.pem in.key ...   speaks TLS, with this certificate and key (wss://)
    python tests/interop/acme.py --member /id-mn -- ...    an IN-CSE at which this CSE may register (ACME_MEMBERS)
    python tests/interop/acme.py                           runs until it is interrupted; says first where, as NAME=VALUE

With `--optional` a command still runs, without those variables, where ACME cannot be installed, and one line on
standard error says so. The exit status is the command's.

What is particular about ACME, and matters to whoever writes a test against it:
- it takes exactly the names `oneM2M.json` and `oneM2M.cbor`, and needs `rvi` in every request;
- it identifies a connection by the `X-M2M-Origin` header of its handshake; a second connection with the same value
  closes the first, so every test needs an originator of its own;
- after a reconnection it may drop notifications as long as it has not seen the end of the connection before; wait for
  the old one's close before opening the new one;
- of two messages that come right behind each other it loses the first, and carries the second out twice (a closure over
  the variable that the next one is read into, in `WebSocketServer.handleIncomingConnection`); the preset leaves a gap;
- an AE gets notifications only with a `ws://` point of access in `poa` (`ws://default` will do) and `rr` true;
- it keeps nothing for an AE that is away, and with its database in memory, as here, nothing at all across a restart;
- an MN-CSE whose registrar names another service provider registers once, then takes it for a peer across providers,
  and tries to register with SP-absolute identifiers every `checkInterval`;
- with TLS it asks clients for no certificate: it can be told to, but not which authorities it is to trust;
- over CBOR it sends notifications in JSON, in text frames, unless the AE says `csz: ["application/cbor"]`; with
  `logLevel=debug` every CBOR request is answered 5000.

Covers: rows WS-5.2-1, WS-5.2-2 and WS-5.2-10 have their foreign peer from here. Standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import functools
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from wsclient import WireClient

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).resolve().parent / "acme-requirements.txt"
VENV = Path(os.environ.get("ACME_VENV", ROOT / "build" / "acme-venv"))
ADMIN = "CAdmin"
# That of our registrar: a CSE of another provider is no registree of it (Mcc'), and ACME acts on that at its next look.
PROVIDER = "//onem2m-ws.example"

# ACME is ready after 0.6 to 4 s on a quiet machine. Three attempts: where somebody else was quicker to take the chosen
# port, ACME goes on without it and never answers; and the last one is for a machine that compiles at the same time.
READY_SECONDS = (30.0, 60.0, 90.0)
STOP_SECONDS = 30.0


class Unavailable(RuntimeError):
    """ACME cannot be installed here; the text says why in one line."""


class Failed(RuntimeError):
    """ACME is installed but did not do what it must; the text ends with what it printed."""


@functools.cache
def interpreter() -> str:
    """The Python that has ACME installed; installs it into `build/acme-venv` first where it is not."""
    if sys.version_info < (3, 11):
        raise Unavailable("ACME needs Python 3.11 or later")
    VENV.parent.mkdir(parents=True, exist_ok=True)
    with open(VENV.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        python, stamp = VENV / "bin" / "python", VENV / "installed.txt"
        wanted = REQUIREMENTS.read_text()
        if stamp.is_file() and stamp.read_text() == wanted:
            return str(python)
        shutil.rmtree(VENV, ignore_errors=True)
        for step in (
            [sys.executable, "-m", "venv", str(VENV)],
            [str(python), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)],
        ):
            result = subprocess.run(step, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if result.returncode != 0:
                lines = (result.stderr or result.stdout).strip().splitlines() or [f"exit status {result.returncode}"]
                errors = [line for line in lines if line.startswith("ERROR")] or lines
                raise Unavailable(f"ACME ({wanted.strip()}) cannot be installed here: {errors[-1]}")
        stamp.write_text(wanted)
        return str(python)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Acme:
    """A running ACME. `log()` is what it printed and logged so far."""

    cse_id: str
    cse_name: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes] = field(repr=False)
    members: list[str] = field(default_factory=list)
    tls: bool = False

    @property
    def url(self) -> str:
        """Its point of access."""
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a wrapped command is told."""
        told = {
            "ACME_WS_URL": self.url,
            "ACME_CSE_ID": self.cse_id,
            "ACME_CSE_NAME": self.cse_name,
            # For tests that start one of their own with this file, and end it.
            "ACME_PYTHON": sys.executable,
            "ACME_PID": str(self.process.pid),
        }
        if self.members:
            told["ACME_MEMBERS"] = ",".join(self.members)
        return told

    def connect(self, originator: str = ADMIN) -> WireClient:
        """A raw connection. Two of them must not share an originator."""
        return self._connect(originator)

    def _connect(self, originator: str, timeout: float = 10.0) -> WireClient:
        context = None
        if self.tls:
            # Whether its certificate is good is for the tests.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return WireClient(self.url, originator=originator, timeout=timeout, tls=context)

    def log(self, lines: int = 40) -> str:
        """The end of everything that it printed and logged."""
        parts = []
        for path in [self.folder / "acme.out", *sorted(self.folder.glob("logs/*.log"))]:
            if path.is_file():
                tail = path.read_text(errors="replace").splitlines()[-lines:]
                parts.append(f"--- {path.name}\n" + "\n".join(tail))
        return "\n".join(parts) or "(it printed nothing)"

    def wait_ready(self, seconds: float) -> None:
        """Returns when the CSEBase can be retrieved. An open port is not enough: first it answers 4000 and 4004."""
        deadline = time.monotonic() + seconds
        last: Any = "no answer yet"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                # Headless, ACME prints nothing about a bad configuration and exits with 0.
                raise Failed(f"ACME ended with status {self.process.returncode} while starting\n{self.log()}")
            try:
                with self._connect(ADMIN, timeout=5) as client:
                    last = client.request(2, self.cse_name, ADMIN)
                if last.get("rsc") == 2000:
                    return
            except OSError as error:
                last = error
            time.sleep(0.05)
        raise Failed(f"ACME was not ready after {seconds:.0f} s; last answer: {last}\n{self.log()}")

    def wait_for(self, what: str, to: str, seconds: float = 60.0, rsc: int = 2000) -> Any:
        """Retrieves `to` until the answer has status `rsc` and returns that answer; `what` names it in the error."""
        deadline = time.monotonic() + seconds
        with self.connect() as client:
            while True:
                answer = client.request(2, to, ADMIN)
                if answer.get("rsc") == rsc:
                    return answer
                if time.monotonic() > deadline:
                    raise Failed(f"{what}: not seen within {seconds:.0f} s, last {answer}\n{self.log()}")
                time.sleep(0.1)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL for one that does not end. It closes its connections without a close frame."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _ini(
    kind: str,
    cse_id: str,
    cse_name: str,
    port: int,
    registrar: str | None,
    members: list[str],
    serialization: str,
    tls: tuple[Path, Path] | None,
) -> str:
    # The web UI must be off where http is, or the start-up dies; `listenIF` does not follow `networkInterface`; and
    # without `poa` the CSE advertises its http address.
    text = f"""[basic.config]
cseType={kind}
cseID={cse_id}
cseName={cse_name}
adminID={ADMIN}
networkInterface=127.0.0.1
cseHost=127.0.0.1
httpPort={free_port()}
databaseType=memory
logLevel=warning
"""
    host, _, registrar_port = (registrar or "").rpartition("//")[2].rpartition(":")
    if registrar:
        text += f"""registrarCseHost={host}
registrarCsePort={registrar_port}
registrarCseID=id-in
registrarCseName=cse-in
"""
    text += f"""
[cse]
poa={"wss" if tls else "ws"}://127.0.0.1:{port}
serviceProviderID={PROVIDER}

[http]
enable=false

[webui]
enable=false

[websocket]
enable=true
port={port}
listenIF=127.0.0.1
"""
    if tls:
        # The certificate and key are its own, whatever they are called.
        text += f"""
[websocket.security]
useTLS=true
verifyCertificate=false
caCertificateFile={tls[0]}
caPrivateKeyFile={tls[1]}
"""
    if registrar:
        text += f"""
[cse.registrar]
address={registrar}
cseID=/id-in
resourceName=cse-in
INCSEcseID=/id-in
serialization={serialization}
"""
    text += "\n[cse.registration]\ncheckInterval=5\n"
    if members:
        text += f"allowedCSROriginators={','.join(members)}\n"
    return text


@contextlib.contextmanager
def running(
    *,
    port: int = 0,
    registrar: str | None = None,
    members: list[str] | None = None,
    serialization: str = "json",
    tls: tuple[Path, Path] | None = None,
) -> Iterator[Acme]:
    """Runs ACME for the length of a `with` block: an IN-CSE, or, with the `registrar`'s address, an MN-CSE under it.

    The MN-CSE speaks `serialization` to its registrar, `json` or `cbor`. `members` are the CSE-IDs that may register at
    it. `port` 0 takes a free one, and another if somebody was quicker. `tls` is its certificate and its key, as PEM.
    Raises `Unavailable` where ACME cannot be installed and `Failed` where it does not start.
    """
    python = interpreter()
    kind, cse_id, cse_name = ("MN", "id-mn", "cse-mn") if registrar else ("IN", "id-in", "cse-in")
    with tempfile.TemporaryDirectory(prefix="acme-") as name:
        folder = Path(name)
        for seconds in READY_SECONDS:
            chosen = port or free_port()
            ini = _ini(kind, cse_id, cse_name, chosen, registrar, members or [], serialization, tls)
            (folder / "acme.ini").write_text(ini)
            with open(folder / "acme.out", "wb") as out:
                process = subprocess.Popen(
                    [python, "-m", "acmecse", "--base-directory", str(folder), "--headless"],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                )
            acme = Acme(f"/{cse_id}", cse_name, chosen, folder, process, members or [], tls is not None)
            try:
                try:
                    acme.wait_ready(seconds)
                except Failed:
                    if seconds == READY_SECONDS[-1]:
                        raise
                    continue
                yield acme
                return
            finally:
                acme.stop()


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def main() -> int:
    """The command; see the module's text."""
    parser = argparse.ArgumentParser(description="Runs ACME, alone or around a command.")
    parser.add_argument("--install", action="store_true", help="install ACME if it is not, and end")
    parser.add_argument("--optional", action="store_true", help="run the command also where ACME cannot be installed")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--mn-of", metavar="URL", help="be an MN-CSE under the registrar at this address")
    parser.add_argument(
        "--member", metavar="CSE-ID", action="append", default=[], help="let this CSE register (may be repeated)"
    )
    parser.add_argument("--tls", nargs=2, type=Path, metavar=("CERT", "KEY"), help="speak TLS, with these PEM files")
    parser.add_argument("command", nargs="*", metavar="-- CMD", help="command to run")
    arguments = parser.parse_args()
    # So that the `finally` above stops ACME when this program is terminated.
    signal.signal(signal.SIGTERM, _terminated)
    try:
        interpreter()
    except Unavailable as reason:
        print(f"SKIPPED, tests against ACME: {reason}", file=sys.stderr, flush=True)
        if not arguments.optional:
            return 0 if arguments.install else 1
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ACME_")}
        return subprocess.run(arguments.command, env=environment).returncode
    if arguments.install:
        return 0
    try:
        cert_and_key = arguments.tls
        tls = (cert_and_key[0].resolve(), cert_and_key[1].resolve()) if cert_and_key else None
        with running(port=arguments.port, registrar=arguments.mn_of, members=arguments.member, tls=tls) as acme:
            if arguments.command:
                return subprocess.run(arguments.command, env={**os.environ, **acme.environment}).returncode
            print(" ".join(f"{name}={value}" for name, value in acme.environment.items()), flush=True)
            acme.process.wait()
            return acme.process.returncode
    except KeyboardInterrupt:
        return 130
    except Failed as reason:
        print(reason, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
