"""An actuator: registers as an AE, subscribes to the sensor's container, and acts on the notifications that arrive over
its own connection.

python examples/python/actuator.py ws://127.0.0.1:9000 [--preset acme] [--count 5] [--cse-name cse-in]

Start the sensor with enough readings, or after this one: it waits for the container.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import onem2m_ws
from onem2m_ws import StatusCode


async def run(options: argparse.Namespace) -> None:
    target = f"{options.cse_name}/sensor/data"
    async with onem2m_ws.connect(options.url, originator="Cactuator", preset=options.preset) as ae:
        registration = await ae.register_ae(app_id="Nactuator", name="actuator")
        print(f"actuator: registered as {registration.entity}")

        while True:
            container = await ae.retrieve(target)
            if container.status != StatusCode.NOT_FOUND:
                break
            await asyncio.sleep(0.2)
        # The callback returns nothing, which answers 2000 OK; the work is done below.
        notifications: asyncio.Queue[onem2m_ws.Notification] = asyncio.Queue()
        await ae.subscribe(target, notifications.put_nowait, name="actuator")
        print(f"actuator: subscribed to {target}")

        for number in range(1, options.count + 1):
            notification = await notifications.get()
            reading = (notification.representation or {})["m2m:cin"]["con"]
            print(f"actuator: {reading} degrees, valve {'open' if float(reading) > 22 else 'shut'}")

            if number == options.rest_after:
                # Away for a while, to save power. The registration stays in force, and the registrar keeps what comes.
                await ae.disconnect()
                await asyncio.sleep(options.rest)
                # The next request opens the connection again, without a new registration.
                await ae.retrieve(target)


def main() -> None:
    parser = argparse.ArgumentParser(description="Subscribes to the sensor's container and acts on notifications.")
    parser.add_argument("url", help="the registrar's point of access, ws://HOST:PORT")
    parser.add_argument("--preset", default="default", help="'acme' for the ACME CSE")
    parser.add_argument("--cse-name", default="cse-in", help="name of the registrar's CSEBase")
    parser.add_argument("--count", type=int, default=5, help="number of readings to wait for")
    parser.add_argument("--rest-after", type=int, metavar="N", help="go offline after N readings")
    parser.add_argument("--rest", type=float, default=1.0, metavar="SECONDS", help="for so long")
    try:
        asyncio.run(asyncio.wait_for(run(parser.parse_args()), 60))
    except onem2m_ws.OneM2MError as error:
        sys.exit(f"actuator: {error}")
    except asyncio.TimeoutError:
        sys.exit("actuator: not enough readings within 60 s")


if __name__ == "__main__":
    main()
