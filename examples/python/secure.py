"""The procedure of TS-0020 Annex A.1 over wss, both ends with certificates: an AE registers, creates a container, and
a contentInstance in it.

python examples/python/secure.py --poa wss://127.0.0.1:9443 --cert ae.pem --key ae.key --ca ca.pem
    [--originator CSmartHome] [--preset acme] [--cse-name cse-in]

The certificate names the AE: //onem2m-ws.example/id-in/CSmartHome is a URI among its names. ca.pem is the authority of
the registrar's certificate.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import onem2m_ws
from onem2m_ws import TLS, ResourceType


async def run(options: argparse.Namespace) -> None:
    tls = TLS(cert=options.cert, key=options.key, ca=options.ca, server_name=options.server_name)
    # TCP and TLS (step 1), then the opening handshake (steps 2 and 3).
    async with onem2m_ws.connect(options.poa, originator=options.originator, preset=options.preset, tls=tls) as ae:
        registrar = ae.peer_identity
        assert registrar is not None  # there is always one behind wss://
        print(f"secure: connected to {', '.join(registrar.names)}, in {ae.format}")

        # Steps 4 to 6.
        registration = await ae.register_ae(
            app_id="Na56", name="SmartHomeApplication", attributes={"apn": "app1234"}, registrar=options.cse_name
        )
        print(f"secure: registered as {registration.entity}")

        # Steps 7 to 9.
        home = f"{options.cse_name}/SmartHomeApplication"
        container = {"m2m:cnt": {"rn": "SmartHomeContainer", "mbs": 100000, "mni": 500}}
        response = await ae.create(home, ty=ResourceType.CONTAINER, content=container)
        print(f"secure: container -> {response.status} {response.status.name}")
        response.raise_for_status()

        # Step 10.
        reading = {"m2m:cin": {"con": "21.5"}}
        response = await ae.create(f"{home}/SmartHomeContainer", ty=ResourceType.CONTENT_INSTANCE, content=reading)
        print(f"secure: contentInstance -> {response.status} {response.status.name}")
        response.raise_for_status()

        # So that it can be run again.
        response = await ae.delete(home)
        response.raise_for_status()


def main() -> None:
    parser = argparse.ArgumentParser(description="Registers, creates a container and a contentInstance, over wss.")
    parser.add_argument("--poa", required=True, metavar="URL", help="the registrar's point of access, wss://HOST:PORT")
    parser.add_argument("--cert", metavar="PEM", help="our certificate, which names the originator")
    parser.add_argument("--key", metavar="PEM", help="its private key; in the file of the certificate if not given")
    parser.add_argument("--ca", required=True, metavar="PEM", help="authority of the registrar's certificate")
    parser.add_argument("--server-name", metavar="NAME", help="name in the registrar's certificate, if not the host")
    parser.add_argument("--originator", default="CSmartHome", metavar="ID", help="our AE-ID")
    parser.add_argument("--preset", default="default", help="'acme' for the ACME CSE")
    parser.add_argument("--cse-name", default="cse-in", help="name of the registrar's CSEBase")
    try:
        asyncio.run(asyncio.wait_for(run(parser.parse_args()), 60))
    except onem2m_ws.OneM2MError as error:
        sys.exit(f"secure: {error}")
    except asyncio.TimeoutError:
        sys.exit("secure: not done within 60 s")


if __name__ == "__main__":
    main()
