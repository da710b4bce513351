"""The command `onem2m-ws pki`: a certification authority of one's own, for development and tests only."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import _native
from .errors import ArgumentError, StorageError

_ONLY = "For development and tests only"


class _Subject(argparse.Action):
    """Keeps the names in the order in which they are given, each with the option that it comes with."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        kind = (option_string or "").lstrip("-")
        names = [values] if isinstance(values, str) else list(values or ())
        namespace.subjects = [*(namespace.subjects or ()), *((kind, name) for name in names)]


def _show(*rows: tuple[object, str]) -> None:
    print(f"{_ONLY}.")
    texts = [(str(first), second) for first, second in rows]
    width = max(len(first) for first, _ in texts)
    for first, second in texts:
        print(f"  {first:<{width}}  {second}")


def _init(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.dir
    _native.pki_init(folder, arguments.name, arguments.days)
    _show(
        (folder / "ca.pem", "the certificate of the authority: TLS(ca=...) of everybody who is to trust it"),
        (folder / "ca.key", "its key, which stays here: whoever reads it can be anybody"),
        ("next", f"onem2m-ws pki issue --dir {folder} --server localhost 127.0.0.1"),
    )
    return 0


def _issue(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.dir
    subjects: list[tuple[str, str]] = arguments.subjects or []
    if not subjects:
        raise ArgumentError("whom is it for? Give at least one of --ae, --cse, --server, --node and --device")
    into, name = _place(arguments.out or _file_name(*subjects[0]), folder)
    serial, digest = _native.pki_issue(folder, subjects, arguments.days, into, name)
    certificate, key, authority = into / f"{name}.pem", into / f"{name}.key", folder / "ca.pem"
    names = ", ".join(f"{kind} {name}" for kind, name in subjects)
    _show(
        (certificate, f"the certificate, for {arguments.days} days: {names}"),
        (key, "its key"),
        ("settings", f'TLS(cert="{certificate}", key="{key}", ca="{authority}")'),
        ("serial number", serial),
        ("public key", digest),
    )
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.dir
    serial = _serial(folder, arguments.what)
    new = _native.pki_revoke(folder, serial, arguments.days)
    said = "revoked" if new else "was revoked before"
    _show(
        (folder / "crl.pem", f"what is revoked, good for {arguments.days} days"), ("serial number", f"{serial} {said}")
    )
    return 0


def _crl(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.dir
    _native.pki_crl(folder, arguments.days)
    _show((folder / "crl.pem", f"what is revoked, good for {arguments.days} days"))
    return 0


def _raw_key(arguments: argparse.Namespace) -> int:
    into, name = _place(arguments.out, arguments.dir)
    digest = _native.pki_raw_key(into, name)
    _show(
        (into / f"{name}.key", "the private key"),
        (into / f"{name}.pub", "the public key"),
        ("public key", digest),
    )
    return 0


def _place(out: str, folder: Path) -> tuple[Path, str]:
    """Folder and name: `out` may be a name in the folder of the authority, or say another folder."""
    path = Path(out)
    return (folder if path.parent == Path() and not out.startswith(".") else path.parent), path.name


def _file_name(kind: str, name: str) -> str:
    """What the files are called if nothing is said.

    >>> _file_name("ae", "//sp.example/Sae1"), _file_name("server", "::1"), _file_name("node", "urn:dev:1")
    ('Sae1', 'server-1', 'urn-dev-1')
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name.rpartition("/")[2] if kind == "ae" else name)
    return plain if plain[:1].isalnum() else f"{kind}-{plain.lstrip('.-')}".rstrip("-")


def _serial(folder: Path, what: str) -> str:
    """A certificate may be given by its file, by the name that it was issued under, or by its number."""
    for path in (Path(what), folder / f"{what}.pem"):
        try:
            text = path.read_text(encoding="ascii")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or "it is no certificate in PEM"
            raise StorageError(f"{path}: {why}") from None
        return _native.pki_serial(folder, text)
    return what.replace(":", "").lower()


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to those of `onem2m-ws`."""
    pki = commands.add_parser(
        "pki",
        help="make certificates to try wss with; for development and tests only",
        description=f"A certification authority of your own. {_ONLY}: its key is a file, and whoever reads it can be"
        " anybody. The certificates are those of TS-0003 10.1.1. No file is ever overwritten, but for crl.pem.",
    )
    parts = pki.add_subparsers(metavar="COMMAND", required=True)

    def part(name: str, run: Any, text: str, days: int | None = None) -> argparse.ArgumentParser:
        description = f"{text[:1].upper()}{text[1:]}. {_ONLY}."
        parser = parts.add_parser(name, help=text, description=description)
        parser.add_argument(
            "--dir", type=Path, default=Path("pki"), metavar="FOLDER", help="the folder of the authority (pki)"
        )
        if days is not None:
            parser.add_argument(
                "--days", type=int, default=days, metavar="N", help=f"how long it is valid, 1 to 36500 ({days})"
            )
        parser.set_defaults(run=run)
        return parser

    init = part("init", _init, "make an authority: FOLDER/ca.pem and FOLDER/ca.key", days=3650)
    init.add_argument("--name", default="onem2m-ws development", help="its name (onem2m-ws development)")

    issue = part("issue", _issue, "make a key and a certificate for it, which names all that are given", days=365)
    for option, count, metavar, text in (
        ("--ae", None, "ID", "an AE, by its absolute AE-ID: //sp.example/Sae1 or //sp.example/cse/Cae1"),
        ("--cse", None, "DOMAIN", "a CSE, by its public domain name: in-cse.sp.example"),
        ("--server", "+", "HOST", "a server, by the names and addresses it is reached at: localhost 127.0.0.1"),
        ("--node", None, "ID", "a node, by its Node-ID: urn:dev:mac:0024befffe804ff1"),
        ("--device", None, "OID", "a device, by its object identifier: 0.2.481.1:100.3030.10011"),
    ):
        issue.add_argument(option, dest="subjects", action=_Subject, nargs=count, metavar=metavar, help=text)
    issue.add_argument(
        "--out", metavar="NAME", help="write NAME.pem and NAME.key, into FOLDER if NAME says no other; else by its name"
    )

    revoke = part("revoke", _revoke, "revoke a certificate, and write FOLDER/crl.pem anew", days=30)
    revoke.add_argument("what", metavar="CERTIFICATE", help="its file, the NAME it was issued under, or its number")
    part("crl", _crl, "write the list of what is revoked, FOLDER/crl.pem, anew", days=30)

    raw_key = part("raw-key", _raw_key, "make a key pair for use without certificates (RFC 7250)")
    raw_key.add_argument(
        "--out",
        default="raw",
        metavar="NAME",
        help="write NAME.key and NAME.pub, into FOLDER if NAME says no other (raw)",
    )
