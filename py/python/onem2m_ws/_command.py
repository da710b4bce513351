"""The command `onem2m-ws`."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
from pathlib import Path
from typing import Any

from . import __version__, _pki, _tls_options, convert, sync
from .errors import ArgumentError, OneM2MError
from .formats import Format
from .settings import Upstream
from .tls import TLS

_STOP = (signal.SIGTERM, signal.SIGINT)


def _upstream(arguments: argparse.Namespace, tls: TLS | None) -> Upstream | None:
    if not arguments.upstream:
        return None
    credentials: dict[str, Any] = {}
    # Secrets are no arguments: everybody on the host can read those.
    if arguments.upstream_user is not None:
        password = os.environ.get("ONEM2M_WS_UPSTREAM_PASSWORD")
        if password is None:
            password = getpass.getpass(f"password of {arguments.upstream_user} at {arguments.upstream}: ")
        credentials["basic"] = (arguments.upstream_user, password)
    if "ONEM2M_WS_UPSTREAM_TOKEN" in os.environ:
        credentials["bearer"] = os.environ["ONEM2M_WS_UPSTREAM_TOKEN"]
    return Upstream(arguments.upstream, arguments.upstream_cse_id, tls=tls, **credentials)


def _registrar(arguments: argparse.Namespace) -> int:
    tls, above = _tls_options.read(arguments), _tls_options.read(arguments, prefix="upstream-")
    upstream = _upstream(arguments, above)
    if upstream is None and above is not None:
        raise ArgumentError("there are TLS options for an upstream, and no --upstream")
    signals = _STOP if tls is None and above is None else (*_STOP, signal.SIGHUP)
    # Blocked before it starts, so that a signal that comes early is not lost.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with sync.Registrar(
        listen=arguments.listen or ["ws://127.0.0.1:9000"],
        cse_id=arguments.cse_id,
        cse_name=arguments.cse_name,
        admin=arguments.admin,
        store=arguments.store,
        tls=tls,
        upstream=upstream,
        allow_insecure=arguments.allow_insecure,
    ) as registrar:
        for point_of_access in registrar.points_of_access:
            print(f"listening on {point_of_access}", flush=True)
        while signal.sigwait(signals) not in _STOP:
            _reload_tls(registrar)
        # A second signal ends what takes too long to stop.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return 0


def _reload_tls(registrar: sync.Registrar) -> None:
    try:
        print(f"read the files of TLS anew, closed {registrar.reload_tls()} connections", flush=True)
    except OneM2MError as error:
        print(f"onem2m-ws: {error}", file=sys.stderr, flush=True)


#: CBOR as hexadecimal digits, for where bytes cannot be shown or typed.
_HEX = "cbor-hex"
_FORMATS = [*map(str, Format), _HEX]


def _convert(arguments: argparse.Namespace) -> int:
    what = arguments.file or "standard input"
    source, target = (Format.CBOR if name == _HEX else name for name in (arguments.source, arguments.target))
    try:
        data = Path(arguments.file).read_bytes() if arguments.file else sys.stdin.buffer.read()
        if arguments.source == _HEX:
            data = _from_hex(data)
        data = convert(data, source, target, pretty=arguments.pretty)
    except OSError as error:
        return _no_conversion(what, error.strerror or str(error))
    except (OneM2MError, ValueError) as error:  # ValueError: a file name with a zero byte, and our own
        return _no_conversion(what, str(error))
    if arguments.target == _HEX:
        data = data.hex().encode()
    if arguments.target != Format.CBOR:
        data = data.rstrip(b"\n") + b"\n"
    try:
        # Not by sys.stdout, which would try again at the end of the program.
        with open(1, "wb", closefd=False) as output:
            output.write(data)
    except OSError as error:
        return _no_conversion("standard output", error.strerror or str(error))
    return 0


def _from_hex(data: bytes) -> bytes:
    digits = b"".join(data.split())
    wrong = next((place for place, digit in enumerate(digits) if digit not in b"0123456789abcdefABCDEF"), None)
    if wrong is not None:
        raise ValueError(f"digit {wrong + 1} is no hexadecimal digit")
    if len(digits) % 2:
        raise ValueError(f"{len(digits)} hexadecimal digits are not whole bytes: one is missing")
    return bytes.fromhex(digits.decode())


def _no_conversion(what: str, why: str) -> int:
    # One line, whatever the name of the file is.
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in f"{what}: {why}")
    print(f"onem2m-ws convert: {shown}", file=sys.stderr)
    return 1


def main() -> int:
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="onem2m-ws", description="oneM2M over WebSocket, from a shell.")
    parser.add_argument("--version", action="version", version=f"onem2m-ws {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    registrar = commands.add_parser(
        "registrar",
        help="run a small registrar until SIGTERM or Ctrl-C",
        description="Runs a small registrar (CSE), to write and test AEs without another one. It is no product CSE.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    registrar.add_argument(
        "--listen",
        action="append",
        metavar="URL",
        help="where registrees reach it, ws://127.0.0.1:9000 if not given; wss:// with TLS; port 0 takes a"
        " free one; can be repeated",
    )
    registrar.add_argument("--cse-id", default="/id-in", metavar="ID", help="CSE-ID")
    registrar.add_argument("--cse-name", default="cse-in", metavar="NAME", help="name of the CSEBase")
    registrar.add_argument("--admin", default="CAdmin", metavar="ID", help="originator that may do everything")
    registrar.add_argument(
        "--store",
        metavar="FILE",
        help="keep resources, registrations and notifications in this file, so that they are there after a restart or"
        " a crash; in memory if not given",
    )
    registrar.add_argument(
        "--upstream", metavar="URL", help="point of access of its own registrar, if it is to be an MN-CSE"
    )
    registrar.add_argument("--upstream-cse-id", default="/id-in", metavar="ID", help="CSE-ID of that")
    registrar.add_argument(
        "--upstream-user",
        metavar="NAME",
        help="user name there, by Basic; the password is in the environment variable ONEM2M_WS_UPSTREAM_PASSWORD, or is"
        " asked for. A token instead, by Bearer, is in ONEM2M_WS_UPSTREAM_TOKEN",
    )
    registrar.add_argument(
        "--allow-insecure",
        action="store_true",
        help="allow to listen at an address that others can reach, though nothing is encrypted",
    )
    _tls_options.add(registrar, "TLS, for wss:// places; the files are read anew on SIGHUP", serves=True)
    _tls_options.add(registrar, "TLS, for a wss:// upstream", prefix="upstream-")
    registrar.set_defaults(run=_registrar)
    converting = commands.add_parser(
        "convert",
        help="convert a primitive from one format to another",
        description="Reads one whole primitive and writes it in another format, or in the correct form of the same one."
        " Exit status 1, and one line that names the place and the reason, if it is no primitive, or has something that"
        " the other format cannot carry.",
    )
    formats = ", ".join(_FORMATS)
    for option, name in (("--from", "source"), ("--to", "target")):
        converting.add_argument(
            option, dest=name, required=True, choices=_FORMATS, metavar="FORMAT", help=f"one of {formats}"
        )
    converting.add_argument("--pretty", action="store_true", help="break JSON and XML into lines")
    converting.add_argument(
        "file", nargs="?", metavar="FILE", help="where the primitive is; standard input if not given"
    )
    converting.set_defaults(run=_convert)
    _pki.add_to(commands)
    arguments = parser.parse_args()
    try:
        status: int = arguments.run(arguments)
    except OneM2MError as error:
        print(f"onem2m-ws: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
