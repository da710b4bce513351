"""The command `onem2m-ws pki`, and OpenSSL's opinion of the certificates that it makes (TS-0003 10.1.1)."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from onem2m_ws import _native, errors

COMMAND = [str(Path(sys.executable).with_name("onem2m-ws")), "pki"]
OPENSSL = shutil.which("openssl")
openssl_is_here = pytest.mark.skipif(OPENSSL is None, reason="SKIPPED: there is no openssl to judge the certificates")


def pki(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def done(folder: Path, *arguments: str) -> str:
    result = pki(folder, *arguments)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    assert result.stdout.startswith("For development and tests only.\n")
    return result.stdout


def complaint(folder: Path, *arguments: str) -> str:
    result = pki(folder, *arguments)
    assert (result.returncode, result.stdout) == (1, ""), result.stdout
    assert result.stderr.startswith("onem2m-ws: ") and result.stderr.count("\n") == 1
    return result.stderr


def openssl(folder: Path, *arguments: str, ok: bool = True) -> str:
    assert OPENSSL is not None
    result = subprocess.run(
        [OPENSSL, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert (result.returncode == 0) is ok, result.stdout + result.stderr
    return result.stdout + result.stderr


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def serial(output: str) -> str:
    found = re.search(r"serial number +([0-9a-f]+)", output)
    assert found is not None, output
    return found.group(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which there is an authority in `pki`."""
    done(tmp_path, "init")
    return tmp_path


def test_an_authority_is_two_files_and_its_key_is_its_owners_alone(folder: Path) -> None:
    assert files(folder / "pki") == ["ca.key", "ca.pem"]
    assert stat.S_IMODE((folder / "pki" / "ca.key").stat().st_mode) == 0o600
    assert (folder / "pki" / "ca.pem").read_text().startswith("-----BEGIN CERTIFICATE-----\n")


def test_no_file_is_overwritten(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in (folder / "pki").iterdir()}
    assert "ca.pem" in complaint(folder, "init") and "not overwritten" in complaint(folder, "init")
    done(folder, "issue", "--server", "localhost")
    assert "localhost.pem" in complaint(folder, "issue", "--server", "localhost")
    done(folder, "raw-key")
    assert "raw.pub" in complaint(folder, "raw-key")
    assert before.items() <= {path.name: path.read_bytes() for path in (folder / "pki").iterdir()}.items()


def test_it_says_which_setting_takes_which_file(folder: Path) -> None:
    said = done(folder, "issue", "--ae", "//sp.example/Sae1")
    assert 'TLS(cert="pki/Sae1.pem", key="pki/Sae1.key", ca="pki/ca.pem")' in said
    assert re.search(r"public key +ni:///sha-256;[A-Za-z0-9_-]{43}\n", said)
    assert files(folder / "pki") == ["Sae1.key", "Sae1.pem", "ca.key", "ca.pem"]
    assert stat.S_IMODE((folder / "pki" / "Sae1.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--ae", "//sp.example/cse/Cae1"], ["Cae1.key", "Cae1.pem"]),
        (["--cse", "in-cse.sp.example"], ["in-cse.sp.example.key", "in-cse.sp.example.pem"]),
        (["--server", "::1", "localhost"], ["server-1.key", "server-1.pem"]),
        (["--node", "urn:dev:1"], ["urn-dev-1.key", "urn-dev-1.pem"]),
        (["--device", "0.2.481.1:100.3030.1"], ["0.2.481.1-100.3030.1.key", "0.2.481.1-100.3030.1.pem"]),
        (["--server", "localhost", "--out", "here"], ["here.key", "here.pem"]),
    ],
)
def test_files_are_called_as_the_certificate_or_as_one_says(
    folder: Path, arguments: list[str], names: list[str]
) -> None:
    done(folder, "issue", *arguments)
    assert files(folder / "pki") == sorted([*names, "ca.key", "ca.pem"])


def test_files_may_go_elsewhere(folder: Path) -> None:
    done(folder, "issue", "--server", "localhost", "--out", "certificates/here")
    done(folder, "raw-key", "--out", "./mine")
    done(folder, "init", "--dir", "other", "--name", "Another", "--days", "3")
    assert files(folder) == ["certificates", "mine.key", "mine.pub", "other", "pki"]
    assert files(folder / "certificates") == ["here.key", "here.pem"]
    assert files(folder / "pki") == files(folder / "other") == ["ca.key", "ca.pem"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["issue"], "at least one of"),
        (["issue", "--ae", "Sae1"], "not absolute"),
        (["issue", "--ae", "//*.example/Sae1"], "wildcard"),
        (["issue", "--cse", "/id-in"], "not its CSE-ID"),
        (["issue", "--server", "*.example"], "wildcard"),
        (["issue", "--device", "0.2.481.1.100.3030.1"], "a colon"),
        (["issue", "--server", "localhost", "--days", "0"], "1 to 36500"),
        (["issue", "--server", "localhost", "--days", "-99999999999999999999"], "out of range"),
        (["issue", "--server", "localhost", "--out", ".."], "no name of a file"),
        (["issue", "--server", "localhost", "--dir", "nowhere"], "no authority"),
        (["revoke", "nobody"], "no serial number"),
        (["revoke", "pki"], "pki: "),
        (["revoke", "pki/ca.key"], "no certificate"),
        (["crl", "--dir", "nowhere"], "no authority"),
        (["init", "--dir", "other", "--name", ""], "no name"),
        (["init", "--dir", "pki/ca.pem/x"], "could not be made"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(folder: Path, arguments: list[str], reason: str) -> None:
    assert reason in complaint(folder, *arguments)
    assert files(folder / "pki") == ["ca.key", "ca.pem"]


def test_errors_are_those_of_the_package(tmp_path: Path) -> None:
    with pytest.raises(errors.StorageError):
        _native.pki_crl(tmp_path, 1)
    with pytest.raises(errors.ArgumentError):
        _native.pki_init(tmp_path, "", 1)
    with pytest.raises(errors.ArgumentError, match="no kind of subject"):
        _native.pki_issue(tmp_path, [("person", "somebody")], 1, tmp_path, "x")


SUBJECTS = [
    (["--ae", "//sp.example/Sae1"], ["URI://sp.example/Sae1"], ["Client"]),
    (["--ae", "//sp.example/cse/Cae1"], ["URI://sp.example/cse/Cae1"], ["Client"]),
    (["--cse", "in-cse.sp.example"], ["DNS:in-cse.sp.example"], ["Client", "Server"]),
    (["--server", "localhost", "127.0.0.1"], ["DNS:localhost", "IP Address:127.0.0.1"], ["Server"]),
    (["--node", "urn:dev:mac:0024befffe804ff1"], ["URI:urn:dev:mac:0024befffe804ff1"], ["Client"]),
    (["--device", "0.2.481.1:100.3030.10011"], ["othername: 0.2.481.1::100.3030.10011"], ["Client"]),
    (["--server", "::1", "--cse", "a.example"], ["IP Address:0:0:0:0:0:0:0:1", "DNS:a.example"], ["Client", "Server"]),
]


@openssl_is_here
@pytest.mark.parametrize(("arguments", "names", "roles"), SUBJECTS, ids=lambda value: value[-1])
def test_openssl_reads_what_was_asked_for(
    folder: Path, arguments: list[str], names: list[str], roles: list[str]
) -> None:
    done(folder, "issue", *arguments, "--out", "x")
    extensions = openssl(
        folder,
        "x509",
        "-in",
        "pki/x.pem",
        "-noout",
        "-ext",
        "subjectAltName,keyUsage,extendedKeyUsage,basicConstraints",
    )
    found = [line.strip() for line in extensions.splitlines()]
    said = dict(zip(found[::2], found[1::2]))
    # OpenSSL 3.0 says othername:<unsupported>: what is in it is looked at below.
    shown = said["X509v3 Subject Alternative Name:"]
    if "<unsupported>" not in shown:
        assert shown.replace("othername: 0.2.481.1:UTF8:", "othername: 0.2.481.1::").split(", ") == names
    assert said["X509v3 Key Usage: critical"] == "Digital Signature"
    usage = [f"TLS Web {role} Authentication" for role in roles]
    assert sorted(said["X509v3 Extended Key Usage:"].split(", ")) == usage
    assert said["X509v3 Basic Constraints: critical"] == "CA:FALSE"
    text = openssl(folder, "x509", "-in", "pki/x.pem", "-noout", "-text")
    for fact in (
        "ASN1 OID: prime256v1",
        "Signature Algorithm: ecdsa-with-SHA256",
        "O = For development and tests only",
    ):
        assert fact in text
    for role in ("client", "server"):
        wanted = role.capitalize() in roles
        verify = ["verify", "-CAfile", "pki/ca.pem", "-purpose", f"ssl{role}", "pki/x.pem"]
        assert ("pki/x.pem: OK" in openssl(folder, *verify, ok=wanted)) is wanted


@openssl_is_here
def test_openssl_reads_the_number_of_a_device(folder: Path) -> None:
    done(folder, "issue", "--device", "0.2.481.1:100.3030.10011", "--out", "x")
    lines = openssl(folder, "asn1parse", "-in", "pki/x.pem").splitlines()
    name = next(place for place, line in enumerate(lines) if "X509v3 Subject Alternative Name" in line)
    offset = lines[name + 1].split(":")[0].strip()
    inner = openssl(folder, "asn1parse", "-in", "pki/x.pem", "-strparse", offset)
    assert re.search(r"OBJECT +:0\.2\.481\.1\n", inner) and re.search(r"UTF8STRING +:100\.3030\.10011\n", inner)


@openssl_is_here
def test_openssl_trusts_nobody_elses_certificates(folder: Path) -> None:
    done(folder, "init", "--dir", "other")
    done(folder, "issue", "--server", "localhost", "--out", "x")
    openssl(folder, "verify", "-CAfile", "other/ca.pem", "pki/x.pem", ok=False)
    names = ["-verify_hostname", "localhost"]
    openssl(folder, "verify", "-CAfile", "pki/ca.pem", *names, "pki/x.pem")
    openssl(folder, "verify", "-CAfile", "pki/ca.pem", "-verify_hostname", "other", "pki/x.pem", ok=False)


@openssl_is_here
def test_openssl_refuses_what_is_revoked(folder: Path) -> None:
    numbers = [serial(done(folder, "issue", "--server", "localhost", "--out", name)) for name in "abc"]
    check = ["verify", "-crl_check", "-CAfile", "pki/ca.pem", "-CRLfile", "pki/crl.pem"]
    done(folder, "crl")
    for name in "abc":
        openssl(folder, *check, f"pki/{name}.pem")

    assert f"{numbers[0]} revoked" in done(folder, "revoke", "a")
    assert f"{numbers[1]} revoked" in done(folder, "revoke", numbers[1].upper())
    assert f"{numbers[0]} was revoked before" in done(folder, "revoke", "pki/a.pem")
    for name, ok in zip("abc", (False, False, True)):
        said = openssl(folder, *check, f"pki/{name}.pem", ok=ok)
        assert ok or "certificate revoked" in said
    listed = openssl(folder, "crl", "-in", "pki/crl.pem", "-noout", "-text", "-CAfile", "pki/ca.pem")
    assert "verify OK" in listed
    assert re.findall(r"Serial Number: ([0-9A-F]+)", listed) == [number.upper() for number in numbers[:2]]
    assert files(folder / "pki") == [
        "a.key",
        "a.pem",
        "b.key",
        "b.pem",
        "c.key",
        "c.pem",
        "ca.key",
        "ca.pem",
        "crl.pem",
        "revoked",
    ]


@openssl_is_here
def test_openssl_agrees_about_keys_and_their_names(folder: Path) -> None:
    said = done(folder, "issue", "--server", "localhost", "--out", "x") + done(folder, "raw-key")
    digests = re.findall(r"ni:///sha-256;([A-Za-z0-9_-]{43})\n", said)
    for name, digest in zip(("x", "raw"), digests):
        openssl(folder, "pkey", "-in", f"pki/{name}.key", "-pubout", "-outform", "DER", "-out", "key.der")
        openssl(folder, "dgst", "-sha256", "-binary", "-out", "digest", "key.der")
        openssl(folder, "base64", "-in", "digest", "-out", "text")
        assert (folder / "text").read_text().strip().rstrip("=").translate(str.maketrans("+/", "-_")) == digest
    pub = openssl(folder, "pkey", "-in", "pki/raw.key", "-pubout")
    assert pub == (folder / "pki" / "raw.pub").read_text()
    openssl(folder, "x509", "-in", "pki/x.pem", "-noout", "-pubkey", "-out", "pub")
    assert len(digests) == 2 and digests[0] != digests[1]
