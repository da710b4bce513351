"""Options of the command `onem2m-ws` that are about TLS."""

from __future__ import annotations

import argparse
from typing import Any

from .tls import TLS


def add(parser: argparse.ArgumentParser, title: str, *, prefix: str = "", serves: bool = False) -> None:
    """Adds the options for one end of connections, whose names begin with `prefix`; it `serves`, or connects."""
    group = parser.add_argument_group(title)

    def option(name: str, text: str, **more: Any) -> None:
        group.add_argument(f"--{prefix}{name}", help=text, **more)

    option("cert", "certificate, with what stands between it and its authority behind it", metavar="PEM")
    option("key", "its private key; in the file of the certificate if not given", metavar="PEM")
    option("ca", "authority whose certificates are trusted; can be repeated", metavar="PEM", action="append")
    option("crl", "list of certificates that are revoked; can be repeated", metavar="PEM", action="append")
    option("raw-key", "instead of a certificate: private key whose public key the others know", metavar="PEM")
    option(
        "trust-key", "public key that is trusted, as ni:///sha-256;...; can be repeated", metavar="NI", action="append"
    )
    if serves:
        option(
            "peer",
            "which entities speak with a credential that does not name them, as DNS:node7.sp.example=Cpump,Cvalve;"
            " can be repeated",
            metavar="NAME=ID,...",
            action="append",
            type=_peer,
        )
        option(
            "unnamed",
            "a client whose certificate names no entity is refused (the default), or speaks for what it registers",
            choices=("refuse", "first-come"),
        )
        option("anonymous-clients", "take clients without a certificate, too", action="store_true")
    else:
        option(
            "server-name", "name that the server's certificate must have, if not the host of the URL", metavar="NAME"
        )


def read(arguments: argparse.Namespace, *, prefix: str = "") -> TLS | None:
    """The settings that were given; `None` if there are none."""
    prefix = prefix.replace("-", "_")

    def given(name: str) -> Any:
        return getattr(arguments, prefix + name, None)

    settings = {name: given(name) for name in ("cert", "key", "ca", "crl", "raw_key", "server_name", "unnamed")}
    settings["trust_keys"] = given("trust_key")
    settings["peers"] = dict(given("peer") or ()) or None
    settings["anonymous_clients"] = given("anonymous_clients") or None
    settings = {name: value for name, value in settings.items() if value is not None}
    return TLS(**settings) if settings else None


def _peer(text: str) -> tuple[str, list[str]]:
    # A digest has `=` in it nowhere, an identifier neither.
    name, equals, entities = text.rpartition("=")
    if not equals or not name or not entities:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=ID,...")
    return name, entities.split(",")
