"""The command `onem2m-ws`."""

from __future__ import annotations

import argparse
import signal
import sys

from . import __version__, sync
from .errors import OneM2MError

_STOP = (signal.SIGTERM, signal.SIGINT)


def _registrar(arguments: argparse.Namespace) -> int:
    # Blocked before it starts, so that a signal that comes early is not lost.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    with sync.Registrar(
        listen=arguments.listen or ["ws://127.0.0.1:9000"],
        cse_id=arguments.cse_id,
        cse_name=arguments.cse_name,
        admin=arguments.admin,
        allow_insecure=arguments.allow_insecure,
    ) as registrar:
        for point_of_access in registrar.points_of_access:
            print(f"listening on {point_of_access}", flush=True)
        signal.sigwait(_STOP)
        # A second signal ends what takes too long to stop.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return 0


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
        help="where registrees reach it, ws://127.0.0.1:9000 if not given; port 0 takes a free one; can be repeated",
    )
    registrar.add_argument("--cse-id", default="/id-in", metavar="ID", help="CSE-ID")
    registrar.add_argument("--cse-name", default="cse-in", metavar="NAME", help="name of the CSEBase")
    registrar.add_argument("--admin", default="CAdmin", metavar="ID", help="originator that may do everything")
    registrar.add_argument(
        "--allow-insecure",
        action="store_true",
        help="allow to listen at an address that others can reach, though nothing is encrypted",
    )
    registrar.set_defaults(run=_registrar)
    arguments = parser.parse_args()
    try:
        status: int = arguments.run(arguments)
    except OneM2MError as error:
        print(f"onem2m-ws: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
