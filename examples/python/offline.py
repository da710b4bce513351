"""An AE that goes offline, misses notifications, and gets all of them in order when it is back.

python examples/python/offline.py ws://127.0.0.1:9000 [--preset acme] [--count 5] [--cse-name cse-in]

Needs a registrar that stores notifications for an AE that is away (TS-0020 5.2 says that it should), as the embedded
one does. A second AE in this program, the writer, makes what is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import AbstractAsyncContextManager

import onem2m_ws
from onem2m_ws import ResourceType


def connect(options: argparse.Namespace, originator: str) -> AbstractAsyncContextManager[onem2m_ws.Client]:
    return onem2m_ws.connect(options.url, originator=originator, preset=options.preset)


async def publish(writer: onem2m_ws.Client, target: str, number: int) -> None:
    reading = {"m2m:cin": {"cnf": "text/plain:0", "con": str(number)}}
    (await writer.create(target, ty=ResourceType.CONTENT_INSTANCE, content=reading)).raise_for_status()


async def receive(notifications: asyncio.Queue[onem2m_ws.Notification], number: int) -> None:
    """Takes the next reading, which is to be this one."""
    notification = await notifications.get()
    reading = (notification.representation or {})["m2m:cin"]["con"]
    if reading != str(number):
        sys.exit(f"offline: received {reading} instead of {number}")
    print(f"offline: received {number}")


async def run(options: argparse.Namespace) -> None:
    cse = options.cse_name
    data = f"{cse}/writer/data"
    async with connect(options, "Cwriter") as writer, connect(options, "Creader") as reader:
        registration = await writer.register_ae(app_id="Nwriter", name="writer")
        print(f"offline: registered {registration.entity}")
        container = {"m2m:cnt": {"rn": "data"}}
        response = await writer.create(f"{cse}/writer", ty=ResourceType.CONTAINER, content=container)
        response.raise_for_status()

        registration = await reader.register_ae(app_id="Nreader", name="reader")
        print(f"offline: registered {registration.entity}")
        # The callback returns nothing, which answers 2000 OK; the work is done below.
        notifications: asyncio.Queue[onem2m_ws.Notification] = asyncio.Queue()
        await reader.subscribe(data, notifications.put_nowait, name="reader")
        print(f"offline: subscribed to {data}")

        # The first one arrives at once.
        await publish(writer, data, 1)
        await receive(notifications, 1)

        # The registration stays in force, and the registrar keeps what comes meanwhile.
        await reader.disconnect()
        print("offline: away")
        for number in range(2, options.count + 1):
            await publish(writer, data, number)
            print(f"offline: published {number} meanwhile")

        # Back without a new registration; any request would open the connection as well.
        await reader.connect()
        print("offline: back")
        for number in range(2, options.count + 1):
            await receive(notifications, number)
        print("offline: nothing was lost")

        # Deregisters both, so that the program can run again.
        (await reader.delete(f"{cse}/reader")).raise_for_status()
        (await writer.delete(f"{cse}/writer")).raise_for_status()


def main() -> None:
    parser = argparse.ArgumentParser(description="Goes offline, and gets what it missed.")
    parser.add_argument("url", help="the registrar's point of access, ws://HOST:PORT")
    parser.add_argument("--preset", default="default", help="'acme' for the ACME CSE")
    parser.add_argument("--cse-name", default="cse-in", help="name of the registrar's CSEBase")
    parser.add_argument("--count", type=int, default=5, help="number of readings; all but the first are missed")
    try:
        asyncio.run(asyncio.wait_for(run(parser.parse_args()), 60))
    except onem2m_ws.OneM2MError as error:
        sys.exit(f"offline: {error}")
    except asyncio.TimeoutError:
        sys.exit("offline: not all readings within 60 s")


if __name__ == "__main__":
    main()
