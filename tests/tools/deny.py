"""The part of `cargo deny check` that needs neither cargo-deny nor a vulnerability database: deny.toml, applied.

    python tests/tools/deny.py

`make check` calls cargo-deny itself where it is installed, and this where it is not, because building cargo-deny takes
longer than all our tests. Judged from `cargo metadata`, for every crate of every platform in the lock file:
- licenses: the SPDX expression of each crate holds with `licenses.allow` and the crate's own exceptions;
- bans: no crate of `bans.deny`, and no dependency with a `*` version;
- sources: only the registries of `sources.allow-registry`, no git, no path outside the tree.
Crates present in two versions are told and do not fail. Advisories are NOT checked, and the last line says so.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


def holds(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX licence expression can be satisfied with the allowed licences. `AND` binds closer than `OR`."""
    tokens: list[str] = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def peek() -> str:
        return tokens[position] if position < len(tokens) else ""

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1]

    def either() -> bool:
        result = both()
        while peek() == "OR":
            take()
            result = both() or result
        return result

    def both() -> bool:
        result = one()
        while peek() == "AND":
            take()
            result = one() and result
        return result

    def one() -> bool:
        name = take() if position < len(tokens) else ""
        if name == "(":
            result = either()
            if peek() == ")":
                take()
            return result
        if peek() == "WITH":
            take()
            name = f"{name} WITH {take()}"
        return name in allowed

    result = either()
    return result and position == len(tokens)


def check(metadata: dict[str, Any], rules: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Errors and notes for the crates of `cargo metadata` under the rules of a deny.toml."""
    errors, notes = [], []
    allowed = set(rules["licenses"]["allow"])
    exceptions: defaultdict[str, set[str]] = defaultdict(set)
    for entry in rules["licenses"].get("exceptions", []):
        exceptions[entry["crate"]] |= set(entry["allow"])
    banned = {entry["crate"] for entry in rules["bans"].get("deny", [])}
    registries = set(rules["sources"]["allow-registry"])
    members = set(metadata["workspace_members"])
    versions: defaultdict[str, set[str]] = defaultdict(set)
    for crate in metadata["packages"]:
        name, label = crate["name"], f"{crate['name']} {crate['version']}"
        versions[name].add(crate["version"])
        if not holds(crate["license"] or "", allowed | exceptions[name]):
            errors.append(f"licenses: {label}: {crate['license'] or 'none given'}")
        if name in banned:
            errors.append(f"bans: {label} is denied")
        if crate["source"] is None:
            if crate["id"] not in members:
                errors.append(f"sources: {label} is a path outside the workspace")
            for dependency in crate["dependencies"]:
                if dependency["req"] == "*" and dependency["source"] is not None:
                    errors.append(f"bans: {label} takes any version of {dependency['name']}")
        elif crate["source"].removeprefix("registry+") not in registries:
            errors.append(f"sources: {label} comes from {crate['source'].split('+')[0]}")
    for name, present in sorted(versions.items()):
        if len(present) > 1:
            notes.append(f"{name} is there in {len(present)} versions: {', '.join(sorted(present))}")
    return errors, notes


def main() -> int:
    """The command; see the module's text."""
    rules = tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    errors, notes = check(metadata, rules)
    for note in notes:
        print(f"note: {note}")
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    print(f"deny: {len(metadata['packages'])} crates, {len(errors)} errors (licenses, bans, sources)")
    print("deny: ADVISORIES WERE NOT CHECKED: cargo-deny is not installed (cargo install --locked cargo-deny)")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
