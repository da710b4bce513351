"""The floors of the core (docs/architecture.md): who may name whom, and what the pure ones must not contain.

A pure floor has no socket, file, thread, clock or random source: time is an argument. That is what lets thousands of
timing cases run in seconds, and a careless `use` would end it unseen.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "core" / "src"

# Each floor with the floors of the core that it may name.
PURE = {
    "primitive": set[str](),
    "codec": {"primitive"},
    "websocket": set[str](),
    "binding": {"primitive", "codec", "websocket", "error"},
}
FLOORS = {
    **PURE,
    "net": {*PURE, "error"},
    "spool": {*PURE, "error"},
    "pki": {*PURE, "error"},
    "client": {*PURE, "error", "net", "spool"},
    "server": {*PURE, "error", "net", "spool"},
    "registrar": {*PURE, "error", "net", "spool", "client", "server"},
    "bridge": {*PURE, "error", "net", "client", "server", "registrar"},
}
# `std::time::Instant` as a parameter is fine, asking for one is not; an address is a value, a socket is not.
IMPURE = re.compile(
    r"\btokio\b|\bsocket2\b|\bgetrandom\b|\brand::|\b(?:TcpStream|TcpListener|UdpSocket|ToSocketAddrs)\b"
    r"|\bstd::(?:fs|thread|process|env|io::std)\b"
    r"|\b(?:Instant|SystemTime)::now\b|\bOffsetDateTime::now"
)
NAMED = re.compile(r"\bcrate::(?:\{([^;]*)\}|(\w+))", re.DOTALL)


def code(path: Path) -> str:
    """A source file without comments and without its test module, which may use what it likes."""
    text = path.read_text(encoding="utf-8")
    text = re.split(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod\s+\w+\s*\{", text)[0]
    return re.sub(r"//[^\n]*", "", text)


def files(floor: str) -> Iterator[Path]:
    """The source files of a floor, its test files left out."""
    single = SOURCE / f"{floor}.rs"
    for path in ([single] if single.is_file() else []) + sorted((SOURCE / floor).rglob("*.rs")):
        if path.name not in {"tests.rs", "testing.rs"} and "tests" not in path.relative_to(SOURCE).parts:
            yield path


def named(text: str) -> set[str]:
    """The modules at the crate's root that the text names."""
    found = set()
    for match in NAMED.finditer(text):
        inner = match.group(1)
        found |= {match.group(2)} if inner is None else set(re.findall(r"(?:^|,)\s*(\w+)", inner))
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_names_no_higher_one(floor: str) -> None:
    above = set(FLOORS) - FLOORS[floor] - {floor}
    wrong = {f"{path.relative_to(ROOT)}: {name}" for path in files(floor) for name in named(code(path)) & above}
    assert not wrong


@pytest.mark.parametrize("floor", PURE)
def test_a_pure_floor_has_no_clock_socket_thread_file_or_random_source(floor: str) -> None:
    paths = list(files(floor))
    assert paths, f"{floor} has no source files"
    wrong = {f"{path.relative_to(ROOT)}: {match.group()}" for path in paths for match in IMPURE.finditer(code(path))}
    assert not wrong


def test_the_pure_build_has_no_tokio_in_its_tree() -> None:
    tree = subprocess.run(
        ["cargo", "tree", "-p", "onem2m-ws", "--no-default-features", "-e", "normal", "--prefix", "none"],
        cwd=ROOT,
        env={**os.environ, "CARGO_TERM_COLOR": "never"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    crates = {line.split()[0] for line in tree.splitlines() if line}
    assert "onem2m-ws" in crates
    assert not crates & {"tokio", "mio", "socket2", "tokio-tungstenite", "async-std", "smol"}
