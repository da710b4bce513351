"""Runs the Autobahn test suite (RFC 6455 and RFC 7692) against both ends of our WebSocket layer, and judges the result.

    python tests/autobahn/run.py                  251 cases a side
    python tests/autobahn/run.py --full           all 517 a side
    python tests/autobahn/run.py '9.*' 12.1.1     these
    python tests/autobahn/run.py --full --update  writes expected.json anew

A case passes when it and its closing are OK or INFORMATIONAL, and as `expected.json` has them. NON-STRICT fails: it is
the suite's word for a rule that is kept late or in part. UNIMPLEMENTED fails: it means that permessage-deflate was not
agreed. The exit status is 1 when a case failed or is missing. Where the suite cannot be installed, one line that
begins with SKIPPED says so, and the status is 0.

Our end is `echo.rs` beside this file, `target/debug/examples/autobahn_echo` unless `--peer` names another. Every
listener is on 127.0.0.1, at a free port. Reports for people are left in `build/autobahn/reports`.

Covers: row WS-6.1-1. Standard library only.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import fcntl
import fnmatch
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"
EXPECTED = Path(__file__).resolve().parent / "expected.json"
FOLDER = ROOT / "build" / "autobahn"
PEER = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "examples" / "autobahn_echo"
# The last version of it that knows Python 2.7.
VIRTUALENV = "virtualenv==20.15.1"

AGENT = "onem2m-ws"
SIDES = ("server", "client")
GOOD = {"OK", "INFORMATIONAL"}
# Every chapter but 9 (speed); of 12 and 13 (compression) each kind of parameter once: 251 cases, 11 s.
FAST = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*", "12.1.1", "12.1.11", "13.3.1", "13.4.1"]
FAST_SECONDS = 300.0
# A quiet machine needs a quarter of an hour.
FULL_SECONDS = 7200.0

# The suite's own command, run by its Python 2.7. It would listen at every address; it is given our socket instead.
SUITE = """
import sys
from autobahntestsuite.wstest import run, reactor
if sys.argv[1:2] == ['--listen-at']:
    import socket
    descriptor = int(sys.argv[2])
    del sys.argv[1:3]
    reactor.listenTCP = lambda port, factory, *_: reactor.adoptStreamPort(descriptor, socket.AF_INET, factory)
sys.exit(run())
"""

# What the suite says of a case, and of how the connection was closed after it.
Verdict = tuple[str, str]


class Unavailable(RuntimeError):
    """The suite cannot be installed here; the text says why in one line."""


class Failed(RuntimeError):
    """The suite or our peer did not come to its end; the text says which, and ends with what it printed."""


def python27() -> str:
    """A CPython 2.7: the one that PYTHON27 names, one that pyenv keeps, or one on the path."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    kept = [str(path) for path in sorted(pyenv.glob("versions/2.7*/bin/python2.7"), reverse=True)]
    for candidate in [os.environ.get("PYTHON27"), *kept, shutil.which("python2.7")]:
        if candidate:
            return candidate
    raise Unavailable("no CPython 2.7 found, which the suite is written in; PYTHON27 may name one")


def install() -> str:
    """The Python that has the suite installed; installs it into `build/autobahn` first where it is not."""
    env, tool, stamp = FOLDER / "env", FOLDER / "tool", FOLDER / "installed.txt"
    python, wanted = env / "bin" / "python", REQUIREMENTS.read_text()
    if stamp.is_file() and stamp.read_text() == wanted:
        return str(python)
    base = python27()
    shutil.rmtree(env, ignore_errors=True)
    shutil.rmtree(tool, ignore_errors=True)
    for step in (
        [base, "-m", "pip", "install", "--quiet", "--target", str(tool), VIRTUALENV],
        [base, "-m", "virtualenv", "--quiet", str(env)],
        [str(python), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)],
    ):
        environment = {**os.environ, "PYTHONPATH": str(tool)} if "virtualenv" in step else None
        try:
            result = subprocess.run(
                step, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=environment
            )
        except OSError as error:
            raise Unavailable(f"it cannot be installed here: {step[0]}: {error.strerror}") from None
        if result.returncode != 0:
            lines = (result.stderr or result.stdout).strip().splitlines() or [f"exit status {result.returncode}"]
            errors = [line.strip() for line in lines if line.strip().startswith("ERROR")] or lines
            raise Unavailable(f"it cannot be installed here: {errors[-1]}")
    stamp.write_text(wanted)
    return str(python)


class Programs:
    """The programs that a run started. All of them end with it, however it ends."""

    def __init__(self, seconds: float) -> None:
        """A run that may take so many seconds."""
        self._running: list[subprocess.Popen[bytes]] = []
        self._deadline = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._stopped = False

    def start(self, name: str, command: list[str], descriptor: int | None = None) -> subprocess.Popen[bytes]:
        """Starts one; what it prints goes into `build/autobahn/NAME.log`."""
        with open(FOLDER / f"{name}.log", "wb") as log, self._lock:
            if self._stopped:
                raise Failed(f"{name} was not started: the run is over")
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=FOLDER,
                    pass_fds=() if descriptor is None else (descriptor,),
                )
            except OSError as error:
                raise Failed(f"{name} cannot be started: {command[0]}: {error.strerror}") from None
            self._running.append(process)
        return process

    def wait(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Waits for the end of one that is to end by itself."""
        try:
            status = process.wait(max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Failed(f"{name} did not end in time\n{printed(name)}") from None
        if status != 0:
            raise Failed(f"{name} ended with status {status}\n{printed(name)}")

    def wait_for_line(self, name: str, process: subprocess.Popen[bytes], start: str) -> str:
        """What follows `start` in the line that begins with it, once that was printed."""
        while True:
            ended = process.poll() is not None
            for line in (FOLDER / f"{name}.log").read_text(errors="replace").splitlines(keepends=True):
                if line.startswith(start) and line.endswith("\n"):
                    return line[len(start) :].strip()
            if ended or time.monotonic() > self._deadline:
                raise Failed(f'{name} did not say "{start}..."\n{printed(name)}')
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends all that still run; they have nothing to lose."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                if process.poll() is None:
                    process.kill()
                    process.wait()


@contextlib.contextmanager
def programs(seconds: float) -> Iterator[Programs]:
    """Programs that end with the `with` block."""
    group = Programs(seconds)
    try:
        yield group
    finally:
        group.stop()


def printed(name: str, lines: int = 20) -> str:
    """The end of what a program printed."""
    return "\n".join((FOLDER / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])


def judge_server(group: Programs, python: str, peer: str, cases: list[str]) -> None:
    """The suite opens connections to our server."""
    ours = group.start("server-peer", [peer, "serve", "0", "--compression"])
    address = group.wait_for_line("server-peer", ours, "listening on ")
    specification = {"servers": [{"agent": AGENT, "url": f"ws://{address}"}]}
    suite = group.start(
        "server-suite", [python, "-c", SUITE, "-m", "fuzzingclient", "-s", plan("server", specification, cases)]
    )
    group.wait("server-suite", suite)
    if ours.poll() is not None or "panicked" in printed("server-peer", 1000):
        raise Failed(f"our server failed\n{printed('server-peer')}")


def judge_client(group: Programs, python: str, peer: str, cases: list[str]) -> None:
    """Our client opens connections to the suite, which never ends by itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        at = ["--listen-at", str(listener.fileno())]
        specification = plan("client", {"url": url}, cases)
        command = [python, "-c", SUITE, *at, "-m", "fuzzingserver", "-s", specification, "--webport", "0"]
        group.start("client-suite", command, listener.fileno())
    ours = group.start("client-peer", [peer, "client", url, AGENT, "--compression"])
    group.wait("client-peer", ours)


def plan(side: str, specification: dict[str, Any], cases: list[str]) -> str:
    """Writes what the suite is told to do, and gives the name of the file."""
    reports, path = FOLDER / "reports" / side, FOLDER / f"{side}.json"
    shutil.rmtree(reports, ignore_errors=True)
    path.write_text(json.dumps({**specification, "outdir": str(reports), "cases": cases, "exclude-cases": []}))
    return str(path)


def verdicts(side: str) -> dict[str, Verdict]:
    """What the suite came to, by case."""
    index = json.loads((FOLDER / "reports" / side / "index.json").read_text())
    return {name: (case["behavior"], case["behaviorClose"]) for name, case in index.get(AGENT, {}).items()}


def run(python: str, peer: str, cases: list[str], seconds: float) -> dict[str, dict[str, Verdict]]:
    """Both sides at the same time: the verdicts by side and case."""
    with concurrent.futures.ThreadPoolExecutor() as pool, programs(seconds) as group:
        sides = [pool.submit(side, group, python, peer, cases) for side in (judge_server, judge_client)]
        for done in concurrent.futures.as_completed(sides):
            done.result()
    return {side: verdicts(side) for side in SIDES}


def order(case: str) -> list[int]:
    """Cases are numbered like chapters: 2.10 comes after 2.9."""
    return [int(part) for part in case.split(".")]


def read_expected() -> dict[str, dict[str, Verdict]]:
    """The committed verdicts by side and case."""
    table = json.loads(EXPECTED.read_text()) if EXPECTED.is_file() else {}
    return {side: {case: tuple(row[side]) for case, row in table.items()} for side in SIDES}


def write_expected(found: dict[str, dict[str, Verdict]]) -> None:
    """One line a case, so that a difference can be read."""
    names = sorted({case for side in SIDES for case in found[side]}, key=order)
    rows = [f"  {json.dumps(case)}: " + json.dumps({side: found[side].get(case) for side in SIDES}) for case in names]
    EXPECTED.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def judge(side: str, found: dict[str, Verdict], expected: dict[str, Verdict], cases: list[str]) -> int:
    """Prints what is to be said of one side, at last a line for the summary, and gives the number of failed cases."""
    asked = {case for case in expected if any(fnmatch.fnmatchcase(case, pattern) for pattern in cases)}
    failed = 0
    for case in sorted(asked | set(found), key=order):
        verdict, wanted = found.get(case), expected.get(case)
        good = verdict is not None and GOOD.issuperset(verdict) and verdict == wanted
        failed += not good
        if not good:
            print(f"{side} {case} FAILED: {verdict or 'it did not run'}, expected {wanted or 'nothing: it is new'}")
    counted = collections.Counter(verdict[0] for verdict in found.values())
    print(f"{side}: " + ", ".join(f"{number} {name}" for name, number in counted.most_common()))
    print(f"autobahn {side}: {len(asked | set(found)) - failed} passed, {failed} failed, 0 skipped")
    return failed


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def report(cases: list[str], peer: str, update: bool) -> int:
    """Runs the cases and prints what came of them; the exit status."""
    try:
        python = install()
    except Unavailable as reason:
        skipped = sum(
            any(fnmatch.fnmatchcase(case, pattern) for pattern in cases) for case in read_expected()["server"]
        )
        print(f"SKIPPED, the Autobahn test suite: {reason}")
        print(f"autobahn: 0 passed, 0 failed, {2 * skipped} skipped")
        return 0
    try:
        found = run(python, peer, cases, FAST_SECONDS if cases == FAST else FULL_SECONDS)
    except Failed as reason:
        print(reason)
        print("autobahn: 0 passed, 1 failed, 0 skipped")
        return 1
    if update:
        write_expected(found)
    expected = read_expected()
    failed = [judge(side, found[side], expected[side], cases) for side in SIDES]
    print(f"reports: {FOLDER / 'reports'}/{{server,client}}/index.html")
    return 1 if any(failed) else 0


def main() -> int:
    """The command; see the module's text."""
    parser = argparse.ArgumentParser(description="Runs the Autobahn test suite against our WebSocket layer.")
    parser.add_argument("--full", action="store_true", help="all cases")
    parser.add_argument("--update", action="store_true", help="write expected.json anew (with --full)")
    parser.add_argument("--peer", default=str(PEER), help="our echo program (default: the one that cargo builds)")
    parser.add_argument("cases", nargs="*", help="patterns of cases (default: the fast ones)")
    arguments = parser.parse_args()
    if arguments.update and not arguments.full:
        parser.error("--update needs --full")
    cases = ["*"] if arguments.full else arguments.cases or FAST
    # So that the programs end when this one is terminated.
    signal.signal(signal.SIGTERM, _terminated)
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with open(FOLDER / "lock", "w") as lock:
            # One run at a time: they share the folder.
            fcntl.flock(lock, fcntl.LOCK_EX)
            return report(cases, arguments.peer, arguments.update)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
