"""A sensor: registers as an AE, creates a container, and publishes readings into it.

python examples/python/sensor.py ws://127.0.0.1:9000 [--preset acme] [--count 5] [--interval 0.2] [--cse-name cse-in]
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import onem2m_ws
from onem2m_ws import ResourceType, StatusCode


async def sharing(ae: onem2m_ws.Client, parent: str) -> dict[str, object]:
    """The attribute that lets the actuator subscribe; none at a registrar that has no access control policies."""
    owner = {"acor": ["Csensor"], "acop": 63}
    actuator = {"acor": ["Cactuator"], "acop": 1 + 2 + 32}  # create (a subscription), retrieve, discover
    policy = {"m2m:acp": {"rn": "sharing", "pv": {"acr": [owner, actuator]}, "pvs": {"acr": [owner]}}}
    response = await ae.create(parent, ty=ResourceType.ACCESS_CONTROL_POLICY, content=policy)
    if response.status == StatusCode.NOT_IMPLEMENTED:
        return {}
    response.raise_for_status()
    return {"acpi": [f"{parent}/sharing"]}


async def run(options: argparse.Namespace) -> None:
    async with onem2m_ws.connect(options.url, originator="Csensor", preset=options.preset) as ae:
        registration = await ae.register_ae(app_id="Nsensor", name="sensor")
        print(f"sensor: registered as {registration.entity}")

        container = {"rn": "data", "mni": 100, **await sharing(ae, f"{options.cse_name}/sensor")}
        response = await ae.create(
            f"{options.cse_name}/sensor", ty=ResourceType.CONTAINER, content={"m2m:cnt": container}
        )
        response.raise_for_status()
        print(f"sensor: publishing into {options.cse_name}/sensor/data")

        for number in range(1, options.count + 1):
            reading = {"m2m:cin": {"cnf": "text/plain:0", "con": str(20 + number)}}
            target = f"{options.cse_name}/sensor/data"
            response = await ae.create(target, ty=ResourceType.CONTENT_INSTANCE, content=reading)
            print(f"sensor: published {20 + number} -> {response.status} {response.status.name}")
            await asyncio.sleep(options.interval)
    # The registration stays in force: the next run says registered=True instead of registering anew.


def main() -> None:
    parser = argparse.ArgumentParser(description="Registers, creates a container, publishes.")
    parser.add_argument("url", help="the registrar's point of access, ws://HOST:PORT")
    parser.add_argument("--preset", default="default", help="'acme' for the ACME CSE")
    parser.add_argument("--cse-name", default="cse-in", help="name of the registrar's CSEBase")
    parser.add_argument("--count", type=int, default=5, help="number of readings")
    parser.add_argument("--interval", type=float, default=0.2, metavar="SECONDS", help="time between two readings")
    try:
        asyncio.run(asyncio.wait_for(run(parser.parse_args()), 60))
    except onem2m_ws.OneM2MError as error:
        sys.exit(f"sensor: {error}")
    except asyncio.TimeoutError:
        sys.exit("sensor: not done within 60 s")


if __name__ == "__main__":
    main()
