"""The programs of the first page do what it says. The Rust one is compiled with the documentation tests of the core."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from ours import Registrar

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def program(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M)
    assert len(found) == 1, f"one {language} program on the first page, not {len(found)}"
    return str(found[0])


def test_the_python_program(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(program("python"), encoding="utf-8")
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "21.5" in done.stdout


def test_the_c_program(tmp_path: Path, registrar: Registrar) -> None:
    path, binary = tmp_path / "program.c", tmp_path / "program"
    path.write_text(program("c").replace("ws://localhost:9000", registrar.url), encoding="utf-8")
    release = TARGET.resolve() / "release"
    compiler = os.environ.get("CC", "cc").split()
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT / 'include'}", f"-L{release}"]
    link = ["-lonem2m_ws", f"-Wl,-rpath,{release}", "-o", str(binary)]
    subprocess.run([*compiler, *flags, str(path), *link], check=True, timeout=60)
    done = subprocess.run([str(binary)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "2001"), done.stderr


def test_the_two_commands_are_named() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in ("demo", "test"):
        assert f"make {command}" in text
        assert re.search(rf"^{command}:", makefile, re.M)


def test_every_page_that_the_first_one_names_is_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target
