"""docs/security.md names a test for each threat: each of them exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def named() -> list[str]:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    _, table = text.split("## Threats", 1)
    rows = [line for line in table.split("\n## ", 1)[0].splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 20
    names = []
    for row in rows:
        tests = re.findall(r"`([a-z0-9_]+)`", row.split("|")[3])
        assert tests, f"no test: {row}"
        names += tests
    return names


def test_every_threat_has_a_test_that_exists() -> None:
    sources = [*ROOT.glob("core/tests/**/*.rs"), *ROOT.glob("core/src/**/*.rs")]
    existing = set(re.findall(r"fn ([a-z0-9_]+)\(\)", "\n".join(path.read_text(encoding="utf-8") for path in sources)))
    assert [name for name in named() if name not in existing] == []
