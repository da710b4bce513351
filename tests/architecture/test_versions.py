"""One version number for the three crates, the C header, the Python package and the changelog."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def workspace_versions() -> set[str]:
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    return {crate["version"] for crate in metadata["packages"]}


def test_all_products_have_one_version() -> None:
    (version,) = workspace_versions()
    header = (ROOT / "include" / "onem2m_ws.h").read_text(encoding="utf-8")
    assert re.findall(r'#define ONEM2M_WS_VERSION "([^"]+)"', header) == [version]
    assert importlib.metadata.version("onem2m-ws") == version
    assert version in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
