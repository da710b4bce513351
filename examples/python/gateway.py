"""A gateway: an MN-CSE that serves its own registrees, and is a registree of a registrar itself.

python examples/python/gateway.py --registrar ws://127.0.0.1:9000 [--listen ws://127.0.0.1:9001]
    [--registrar-cse-id /id-in] [--registrar-cse-name -] [--cse-id /id-mn] [--cse-name cse-mn] [--sp-id //sp.example]
    [--preset acme]

What is for the registrar, or for somebody behind it, goes up; what comes from there goes to the registrees; what cannot
be notified now is kept. It runs until Ctrl-C. An AE at it addresses the registrar's resources as `/id-in/...`, and is
`/id-mn/C...` there.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import signal
import sys

import onem2m_ws
from onem2m_ws import events

# At once, also into a pipe.
say = functools.partial(print, flush=True)


async def run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    upstream = onem2m_ws.Upstream(
        options.registrar, options.registrar_cse_id, below=options.registrar_cse_name, preset=options.preset
    )
    async with onem2m_ws.Registrar(
        listen=options.listen,
        cse_id=options.cse_id,
        cse_name=options.cse_name,
        sp_id=options.sp_id,
        upstream=upstream,
    ) as gateway:
        say(f"gateway: {options.cse_id} listens at {gateway.url}")

        @gateway.on_event
        def hear(event: events.RegistrarEvent) -> None:
            if not isinstance(event, events.UpstreamState):
                return
            if event.is_registered:
                waiting = gateway.waiting(options.registrar_cse_id)
                say(f"gateway: registered at {options.registrar_cse_id}, {options.registrar}; {waiting} wait for it")
            elif event.cause is not None:
                say(f"gateway: {options.registrar_cse_id} is away: {event.cause}")
            else:
                say(f"gateway: {options.registrar_cse_id} is not joined yet")

        await stop.wait()
        # Its registration stays in force, and so do those of its registrees.
        say("gateway: stops")


def main() -> None:
    parser = argparse.ArgumentParser(description="An MN-CSE between its registrees and a registrar, until Ctrl-C.")
    parser.add_argument("--registrar", required=True, metavar="URL", help="the registrar's point of access")
    parser.add_argument("--registrar-cse-id", default="/id-in", metavar="ID", help="the registrar's CSE-ID")
    parser.add_argument("--registrar-cse-name", default="-", metavar="NAME", help="address of the registrar's CSEBase")
    parser.add_argument("--listen", default="ws://127.0.0.1:9001", metavar="URL", help="where registrees reach it")
    parser.add_argument("--cse-id", default="/id-mn", metavar="ID", help="its CSE-ID")
    parser.add_argument("--cse-name", default="cse-mn", metavar="NAME", help="name of its CSEBase")
    parser.add_argument("--sp-id", metavar="ID", help="identifier of the service provider, //DOMAIN")
    parser.add_argument("--preset", default="default", help="'acme' for an ACME CSE as registrar")
    try:
        asyncio.run(run(parser.parse_args()))
    except onem2m_ws.OneM2MError as error:
        sys.exit(f"gateway: {error}")


if __name__ == "__main__":
    main()
