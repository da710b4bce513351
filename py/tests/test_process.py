"""What the package does to the process it is in: Ctrl-C, the end of the interpreter, fork, and the command."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from certificates import Authority
from peer import Peer

import onem2m_ws
from onem2m_ws import TLS, sync

# A shell that starts tests in the background has them ignore SIGINT, which programs inherit.
PRELUDE = """
    import asyncio, atexit, os, signal, sys, threading, time
    import onem2m_ws
    from onem2m_ws import errors, sync
    signal.signal(signal.SIGINT, signal.default_int_handler)
    url = sys.argv[1]
    settings = dict(originator="Ctest", registered=True)
"""


def program(text: str, url: str) -> list[str]:
    return [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(PRELUDE) + textwrap.dedent(text), url]


def run(text: str, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*program(text, url), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], 20)
    assert readable, "it printed nothing"
    return process.stdout.readline().strip()


BLOCKING = {
    "connect": "sync.connect(sys.argv[2], **settings)",
    "register_ae": "ae.register_ae(app_id='Ntest')",
    "send": "ae.send(onem2m_ws.Request(2, 'x'))",
    "create": "ae.create('x', ty=3, content={'m2m:cnt': {}})",
    "retrieve": "ae.retrieve('x')",
    "update": "ae.update('x', content={'m2m:cnt': {}})",
    "delete": "ae.delete('x')",
    "notify": "ae.notify('x', content={'m2m:sgn': {}})",
    "discover": "ae.discover('x')",
    "subscribe": "ae.subscribe('x', print)",
    "requests": "next(iter(ae.requests()))",
    "mode": "ae.send(onem2m_ws.Request(2, 'x'), mode='async', on_acknowledged=print)",
    "flush": "(ae.post(onem2m_ws.Request(2, 'x')), ae.flush())",
    "patient": "sync.connect('ws://127.0.0.1:1', patient=True, **settings)",
    "close": "(threading.Thread(target=swallow, daemon=True).start(), time.sleep(0.05), ae.close())",
    "asyncio": "asyncio.run(main())",
}


@pytest.mark.parametrize("call", BLOCKING)
def test_ctrl_c_interrupts(call: str) -> None:
    text = f"""
        def swallow():
            try:
                ae.retrieve("x")
            except errors.OneM2MError:
                pass

        async def main():
            async with onem2m_ws.connect(url, **settings) as ae:
                print("ready", flush=True)
                await ae.retrieve("x")

        ae = sync.connect(url, **settings)
        if {call!r} != "asyncio":
            print("ready", flush=True)
        try:
            {BLOCKING[call]}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            ae.abort()
    """
    with (
        Peer(lambda request: None) as peer,
        Peer(greeting=b"") as silent,
        started([*program(text, peer.url), silent.url]) as process,
    ):
        assert first_line(process) == "ready"
        time.sleep(0.15)
        assert process.poll() is None, process.communicate()
        since = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
        assert (out, process.returncode) == ("interrupted\n", 0), err
        assert time.monotonic() - since < 5


EXITS = {
    "asyncio": """
        async def main():
            ae = await onem2m_ws.connect(url, **settings)
            tasks = [asyncio.ensure_future(ae.retrieve("x")) for _ in range(1000)]
            await asyncio.sleep(0)
            loop = asyncio.get_running_loop()
            for number in range(1000):
                ae._hand_over(10**6 + number, onem2m_ws.Request(2, "x"))
            os.write(1, b"in flight")
            sys.stdout.flush()
            {end}
        {run}
    """,
    "sync": """
        ae = sync.connect(url, **settings)
        slots = [onem2m_ws._native.Slot() for _ in range(1990)]
        for slot in slots:
            ae._hand_over(slot, onem2m_ws.Request(2, "x"))
        def wait(slot):
            try:
                slot.wait()
            except errors.ClosedError:
                pass
        for slot in slots[:10]:
            threading.Thread(target=wait, args=(slot,), daemon=True).start()
        ae.on_request(print)
        os.write(1, b"in flight")
        {end}
    """,
}
ENDS = {
    "end of the program": ("pass", "asyncio.run(main())"),
    "exception": ("raise SystemExit(0)", "asyncio.run(main())"),
    "loop left running": ("pass", "loop = asyncio.new_event_loop(); loop.run_until_complete(main())"),
}


@pytest.mark.parametrize("face", EXITS)
def test_the_interpreter_ends_with_2000_calls_in_flight(face: str) -> None:
    """50 runs, in ten lots so that they take a few seconds."""
    ends = [end for end in ENDS.values() if face == "asyncio" or end is not ENDS["loop left running"]]
    with Peer(lambda request: None) as peer:
        commands = []
        for number in range(25):
            end, how = ends[number % len(ends)]
            text = textwrap.dedent(EXITS[face]).format(end=end, run=how)
            commands.append(
                program(text.replace("**settings", "window=4000, queue_requests=4000, **settings"), peer.url)
            )
        while commands:
            lot, commands = commands[:5], commands[5:]
            processes = [
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for command in lot
            ]
            for process in processes:
                out, err = process.communicate(timeout=60)
                assert (out, process.returncode) == ("in flight", 0), err
                assert "Fatal" not in err and "panicked" not in err, err


def test_a_thread_that_waits_at_the_end_of_the_program(registrar: sync.Registrar) -> None:
    """A daemon thread in a blocking call, another that goes on calling, and a hook that uses the client at the end."""
    text = """
        ae = sync.connect(url, originator="CAdmin", registered=True)
        def forever():
            while True:
                ae.retrieve("cse-in")
        for _ in range(4):
            threading.Thread(target=forever, daemon=True).start()
        threading.excepthook = lambda arguments: None
        atexit.register(lambda: print(ae.retrieve("cse-in").status, flush=True))
        time.sleep(0.05)
    """
    for _ in range(5):
        result = run(text, registrar.url)
        assert (result.stdout, result.returncode) == ("2000\n", 0), result.stderr


def test_fork(registrar: sync.Registrar) -> None:
    text = """
        ae = sync.connect(url, originator="CAdmin", registered=True)
        assert ae.retrieve("cse-in").ok
        held = sync.Registrar(listen="ws://127.0.0.1:0")
        held.start()

        async def in_loop():
            asynchronous = await onem2m_ws.connect(url, originator="Cforkb", registered=True)
            child = os.fork()
            if child == 0:
                try:
                    await asynchronous.retrieve("cse-in")
                except errors.ForkError as error:
                    print("asyncio:", type(error).__name__, flush=True)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            await asynchronous.close()

        asyncio.run(in_loop())
        child = os.fork()
        if child == 0:
            for use in (lambda: ae.retrieve("x"), lambda: ae.close(), lambda: ae.connect(), lambda: ae.state,
                        lambda: ae.registration, lambda: ae.counters, lambda: held.url, lambda: ae.disconnect(),
                        lambda: ae.register_ae(app_id="Nx"), lambda: ae.subscribe("x", print),
                        lambda: ae.post(onem2m_ws.Request(2, "x")), lambda: ae.flush(), lambda: ae.outbox):
                try:
                    use()
                except errors.ForkError as error:
                    assert "fork" in str(error)
                else:
                    os._exit(7)
            ae.abort()
            del ae, held
            with sync.connect(url, originator="CAdmin", registered=True) as mine:
                print("child:", mine.retrieve("cse-in").status, flush=True)
            # It ends as a program does, with the parent's objects in its memory.
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print("parent:", ae.retrieve("cse-in").status, flush=True)
        ae.close()
        held.stop()
    """
    result = run(text, registrar.url)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["asyncio: ForkError", "child: 2000", "parent: 2000"]


def test_importing_starts_nothing() -> None:
    text = """
        assert threading.active_count() == 1
        if sys.platform == "linux":
            assert len(os.listdir("/proc/self/task")) == 1
    """
    result = run(text, "")
    assert result.returncode == 0, result.stderr


def test_threads_of_the_library_leave_signals_to_the_program() -> None:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("needs /proc")
    with sync.Registrar(listen="ws://127.0.0.1:0"):
        masks = []
        for task in Path("/proc/self/task").iterdir():
            with suppress(FileNotFoundError):  # threads of other tests may be ending
                if (task / "comm").read_text().strip() == "onem2m-ws":
                    lines = (task / "status").read_text().splitlines()
                    masks.append(next(int(line.split()[1], 16) for line in lines if line.startswith("SigBlk")))
    blocked = 1 << (signal.SIGINT - 1) | 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGCHLD - 1)
    assert masks and all(mask & blocked == blocked for mask in masks)


COMMAND = [str(Path(sys.executable).with_name("onem2m-ws"))]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_runs_a_registrar(number: signal.Signals) -> None:
    arguments = ["registrar", "--listen", "ws://127.0.0.1:0", "--cse-id", "/id-x", "--cse-name", "cse-x"]
    with started([*COMMAND, *arguments]) as process:
        line = first_line(process)
        assert line.startswith("listening on ws://127.0.0.1:")
        url = line.split()[2]
        with sync.connect(url, originator="CAdmin", registered=True) as admin:
            assert admin.retrieve("cse-x").content["m2m:cb"]["csi"] == "/id-x"  # type: ignore[index]
            process.send_signal(number)
            out, err = process.communicate(timeout=10)
    assert (out, err, process.returncode) == ("", "", 0)


def test_the_command_keeps_what_it_has_in_a_file(tmp_path: Path) -> None:
    command = [*COMMAND, "registrar", "--listen", "ws://127.0.0.1:0", "--store", str(tmp_path / "store")]
    with started(command) as process:
        with sync.connect(first_line(process).split()[2], originator="Ckept") as ae:
            ae.register_ae(app_id="Ntest", name="kept")
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with started(command) as process:
        with sync.connect(first_line(process).split()[2], originator="Ckept", registered=True) as ae:
            assert ae.retrieve("cse-in/kept").ok
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert (out, err, process.returncode) == ("", "", 0)
    Path(command[-1]).write_text("no store, but something else")
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert result.returncode == 1 and result.stderr.startswith("onem2m-ws: ") and "store" in result.stderr


def test_ws_5_2_2_the_command_runs_an_mn_cse(registrar: sync.Registrar) -> None:
    arguments = ["--cse-id", "/id-command", "--cse-name", "cse-mn", "--upstream", registrar.url]
    with started([*COMMAND, "registrar", "--listen", "ws://127.0.0.1:0", *arguments]) as process:
        with sync.connect(first_line(process).split()[2], originator="Cbehind") as ae:
            ae.register_ae(app_id="Ntest", name="behind")
            assert ae.retrieve("/id-in/cse-in").content["m2m:cb"]["csi"] == "/id-in"  # type: ignore[index]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert (out, err, process.returncode) == ("", "", 0)


def test_ws_7_1_the_command_has_tls_at_both_ends(tmp_path: Path) -> None:
    """An MN-CSE with TLS to its registrees and to its registrar; both want certificates."""
    ca = Authority()
    authority = str(ca.save(tmp_path))

    def options(stem: str, *names: str, prefix: str = "--") -> list[str]:
        cert, key = ca.issue(*names).save(tmp_path, stem)
        return [f"{prefix}cert", str(cert), f"{prefix}key", str(key), f"{prefix}ca", authority]

    command = [*COMMAND, "registrar", "--listen", "wss://127.0.0.1:0"]
    with started([*command, *options("in", "DNS:in.sp.example"), "--unnamed", "first-come"]) as above:
        url = first_line(above).split()[2]
        upstream = ["--upstream", url, "--upstream-server-name", "in.sp.example"]
        mn = ["--cse-id", "/id-command", "--cse-name", "cse-mn", *options("mn", "IP:127.0.0.1")]
        upwards = options("up", "DNS:gateway.sp.example", prefix="--upstream-")
        peer = ["--peer", "DNS:node.sp.example=Cbehind,Cother"]
        with started([*command, *mn, *upstream, *upwards, *peer]) as process:
            node = ca.issue("DNS:node.sp.example")
            tls = TLS(cert=node.cert, key=node.key, ca=authority)
            with sync.connect(first_line(process).split()[2], originator="Cbehind", tls=tls) as ae:
                ae.register_ae(app_id="Ntest", name="behind")
                assert ae.retrieve("/id-in/cse-in").content["m2m:cb"]["csi"] == "/id-in"  # type: ignore[index]
                process.send_signal(signal.SIGHUP)
                assert first_line(process) == "read the files of TLS anew, closed 0 connections"
                Path(authority).write_text("nothing")
                process.send_signal(signal.SIGHUP)
                assert process.stderr is not None
                assert authority in process.stderr.readline()
                assert ae.retrieve("cse-mn/behind").ok
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=10)
        assert (out, err, process.returncode) == ("", "", 0)
        above.send_signal(signal.SIGTERM)
        assert above.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--listen", "wss://127.0.0.1:0"], "tls"),
        (["--cert", "no such.pem", "--listen", "wss://127.0.0.1:0"], "no such.pem"),
        (["--upstream-ca", "ca.pem"], "--upstream"),
        (["--listen", "ws://127.0.0.1:0", "--upstream", "ws://127.0.0.1:1", "--upstream-ca", "ca.pem"], "wss://"),
    ],
)
def test_the_command_says_what_is_wrong_with_tls(arguments: list[str], text: str) -> None:
    mn = ["--cse-id", "/id-mn", "--cse-name", "cse-mn"]
    result = subprocess.run([*COMMAND, "registrar", *mn, *arguments], capture_output=True, text=True, timeout=30)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("onem2m-ws: ") and text in result.stderr and "Traceback" not in result.stderr


def test_the_command_says_what_is_wrong(registrar: sync.Registrar) -> None:
    def fails(*arguments: str) -> tuple[int, str]:
        result = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30)
        assert result.stdout == ""
        return result.returncode, result.stderr

    status, text = fails("registrar", "--listen", registrar.url)
    assert status == 1 and text.startswith("onem2m-ws: ") and registrar.url.rpartition(":")[2] in text
    status, text = fails("registrar", "--listen", "nonsense")
    assert status == 1 and "nonsense" in text and "Traceback" not in text
    assert fails("nonsense")[0] == 2
    assert fails()[0] == 2


def test_the_command_has_a_version_and_is_a_module() -> None:
    module = [sys.executable, "-m", "onem2m_ws"]
    for command in (COMMAND, module):
        result = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=30)
        assert (result.stdout, result.returncode) == (f"onem2m-ws {onem2m_ws.__version__}\n", 0)
    assert os.access(COMMAND[0], os.X_OK)
