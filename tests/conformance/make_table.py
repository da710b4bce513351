"""Makes docs/conformance.md from rows.toml and from the names of the tests, and checks both.

    python tests/conformance/make_table.py            writes the page
    python tests/conformance/make_table.py --check    compares it with the one that is there; for `make check`

A test belongs to a row when its name starts with the row's id (see rows.toml). Errors, each on one line and exit
status 1: a row with neither test nor owner, a test that rows.toml names but nobody wrote, a test whose name starts
like a row that does not exist, a page that is not up to date. Standard library only (`tomli` before Python 3.11).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
ROWS = Path(__file__).resolve().parent / "rows.toml"
PAGE = ROOT / "docs" / "conformance.md"
LEVELS = ("shall", "should", "may")
OWNERS = ("WebSocket layer", "formats", "connection life", "security")
SECTIONS = {
    "5": "Roles and connection (clause 5)",
    "6.1": "Protocol (clause 6.1)",
    "6.2.1": "Messages and addresses (clause 6.2.1)",
    "6.2.2": "The client's handshake (clause 6.2.2)",
    "6.2.3": "The server's handshake (clause 6.2.3)",
    "6.3": "Closing (clause 6.3)",
    "6.4": "Registration (clause 6.4)",
    "6.5": "Requests (clause 6.5)",
    "6.6": "Proxies (clause 6.6)",
    "7": "Security (clause 7)",
    "A": "Examples of the specification (Annex A)",
}

# A test function: an attribute with `test` as its last path segment somewhere above `fn`, with other attributes and
# comments between; `def test_`; a C function that is not only declared.
RUST_TEST = re.compile(
    r"#\[(?:\w+::)*test(?:\([^\]]*\))?\]\s*(?:(?:#\[[^\]]*\]|//[^\n]*)\s*)*(?:pub\s+)?(?:async\s+)?fn\s+(\w+)"
)
PYTHON_TEST = re.compile(r"^\s*(?:async\s+)?def\s+(test_\w+)\s*\(", re.MULTILINE)
C_TEST = re.compile(r"^(?:static\s+)?(?:void|int|bool)\s+(\w+)\s*\([^;{}]*\)\s*\{", re.MULTILINE)
# Where tests are, by language: patterns below the root and what a test looks like.
PLACES = {
    "rust": (("core/**/*.rs", "ffi-c/**/*.rs", "py/src/**/*.rs", "examples/rust/**/*.rs"), RUST_TEST),
    "python": (("py/tests/**/*.py", "tests/**/*.py"), PYTHON_TEST),
    "c": (("tests/c/**/*.c",), C_TEST),
}
NAMED_ROW = re.compile(r"(?:^|_)ws_((?:a|\d+)(?:_\d+)+)")


@dataclass
class Row:
    """One requirement, and the tests found for it."""

    id: str
    level: str
    text: str
    later: str = ""
    tests: list[str] = field(default_factory=list)

    @property
    def clause(self) -> str:
        return self.id.split("-")[1]

    @property
    def section(self) -> str:
        """The longest key of SECTIONS that the clause is in."""
        return max((key for key in SECTIONS if f"{self.clause}.".startswith(f"{key}.")), key=len)


def name_of(row_id: str) -> str:
    """WS-6.2.3.4-1 as it stands in a test's name, without `ws_`: 6_2_3_4_1."""
    return re.sub(r"[.-]", "_", row_id[len("WS-") :]).lower()


def read_rows(text: str) -> tuple[list[Row], list[str]]:
    """The rows of a rows.toml, and what is wrong with them."""
    rows, errors = [], []
    seen: dict[str, str] = {}
    for entry in tomllib.loads(text)["row"]:
        row_id = entry.get("id", "")
        unknown = set(entry) - {"id", "level", "text", "later", "tests"}
        if not re.fullmatch(r"WS-(?:A|\d+(?:\.\d+)*)-\d+", row_id):
            errors.append(f"rows.toml: {row_id!r} is no row id")
        elif unknown or entry.get("level") not in LEVELS or not entry.get("text"):
            errors.append(
                f"rows.toml: {row_id} needs level ({', '.join(LEVELS)}) and text; not known: {unknown or '-'}"
            )
        elif name_of(row_id) in seen:
            errors.append(f"rows.toml: {row_id} and {seen[name_of(row_id)]} have the same name in tests")
        elif entry.get("later") and entry["later"].split(":")[0] not in OWNERS:
            errors.append(f"rows.toml: {row_id}: `later` must start with one of {', '.join(OWNERS)}")
        else:
            seen[name_of(row_id)] = row_id
            rows.append(Row(row_id, entry["level"], entry["text"], entry.get("later", ""), entry.get("tests", [])))
    return rows, errors


def find_tests(root: Path) -> Iterator[str]:
    """Every test of the tree as `language:path::name`."""
    for language, (patterns, test) in PLACES.items():
        for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
            relative = path.relative_to(root)
            if "target" not in relative.parts:
                for match in test.finditer(path.read_text(encoding="utf-8")):
                    yield f"{language}:{relative.as_posix()}::{match.group(1)}"


def rows_named(test: str, known: dict[str, Row]) -> tuple[list[Row], list[str]]:
    """The rows that a test's name carries, and what in it looks like a row and is none."""
    rows, unknown = [], []
    for match in NAMED_ROW.finditer(test.rpartition("::")[2]):
        parts = match.group(1).split("_")
        # A number may follow the id in the name (`ws_6_3_1_1000_is_...`): the longest id counts.
        ids = ["_".join(parts[:end]) for end in range(len(parts), 1, -1)]
        found = next((known[name] for name in ids if name in known), None)
        if found is None:
            unknown.append(match.group(1))
        elif found not in rows:
            rows.append(found)
    return rows, unknown


def assign(rows: list[Row], tests: list[str]) -> list[str]:
    """Gives every row its tests; returns what is wrong."""
    errors = []
    existing = set(tests)
    known = {name_of(row.id): row for row in rows}
    for row in rows:
        errors += [
            f"rows.toml: {row.id} names {test}, which is not there" for test in row.tests if test not in existing
        ]
    for test in tests:
        named, unknown = rows_named(test, known)
        errors += [f"{test}: there is no row ws_{name}" for name in unknown]
        for row in named:
            if test in row.tests:
                errors.append(f"rows.toml: {row.id}: {test} is found by its name, do not list it")
            else:
                row.tests.append(test)
    errors += [f"{row.id} has no test and no owner: {row.text}" for row in rows if not row.tests and not row.later]
    return errors


def page(rows: list[Row]) -> str:
    """The text of docs/conformance.md."""
    proven = sum(1 for row in rows if row.tests and not row.later)
    partly = sum(1 for row in rows if row.tests and row.later)
    out = [
        "# Conformance",
        "",
        "What TS-0020 asks of the binding, and the tests that prove it. Made by `make conformance` from",
        "`tests/conformance/rows.toml` and the names of the tests: do not edit.",
        "",
        f"{len(rows)} requirements: {proven} proven, {partly} proven in part, {len(rows) - proven - partly} to come.",
        "",
    ]
    for section, title in SECTIONS.items():
        out += [f"## {title}", "", "| row | level | what must be true | tests |", "| --- | --- | --- | --- |"]
        for row in (row for row in rows if row.section == section):
            cells = [link(test) for test in sorted(row.tests)]
            if row.later:
                cells.append(f"*to come: {cell(row.later)}*")
            out.append(f"| {row.id} | {row.level} | {cell(row.text)} | {'<br>'.join(cells)} |")
        out.append("")
    return "\n".join(out)


def cell(text: str) -> str:
    """Text as a cell of a Markdown table shows it."""
    return text.replace("<", "&lt;").replace(">", "&gt;").replace("|", "\\|")


def link(test: str) -> str:
    """A test as a link to its file."""
    _, _, place = test.partition(":")
    path, _, name = place.partition("::")
    return f"[`{name}`](../{path})"


def main(arguments: list[str] | None = None) -> int:
    """The command; see the module's text."""
    parser = argparse.ArgumentParser(description="Makes and checks docs/conformance.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is not up to date")
    options: Any = parser.parse_args(arguments)
    rows, errors = read_rows(ROWS.read_text(encoding="utf-8"))
    errors += assign(rows, list(find_tests(ROOT)))
    text = page(rows)
    if not options.check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        errors.append("docs/conformance.md is not up to date: run `make conformance` and commit it")
    for error in errors:
        print(error, file=sys.stderr)
    tested = sum(1 for row in rows if row.tests)
    print(f"conformance: {len(rows)} rows, {tested} with tests, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
