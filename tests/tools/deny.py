"""The part of `cargo deny check` that needs neither cargo-deny nor a vulnerability database: deny.toml, applied.

    python tests/tools/deny.py

`make check` calls it always, and cargo-deny beside it where there is a package of it. Judged from `cargo metadata`, for
every crate of every platform in the lock file:
- licenses: the SPDX expression of each crate holds with `licenses.allow` and the crate's own exceptions;
- bans: no crate of `bans.deny`, where the versions with known vulnerabilities are named; no dependency with a `*`
  version; no crate in two versions, but for those of `bans.skip`;
- sources: only the registries of `sources.allow-registry`, no git, no path outside the tree.
An entry of `bans.skip` that nothing needs any more is told and does not fail. Advisories that deny.toml does not name
are NOT checked.
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


def _numbers(version: str) -> list[int]:
    """Major, minor and patch, as many as are given. What is before a release counts as the release."""
    return [int(number) for number in re.split("[-+]", version)[0].split(".")]


def matches(version: str, requirement: str) -> bool:
    """Whether a version meets all comparators of a requirement as cargo writes it: `<1.2`, `>=0.9, <0.9.3`, `=1.0`."""
    number = [*_numbers(version), 0, 0][:3]

    def meets(comparator: str) -> bool:
        found = re.fullmatch(r"(<=|>=|<|>|=|\^|)\s*(\d+(?:\.\d+){0,2})", comparator.strip())
        if found is None:
            raise ValueError(f"deny.toml: {requirement!r} is no requirement that this program understands")
        given = _numbers(found[2])
        whole = [*given, 0, 0][:3]
        # All that is given equal: `<=1.2` and `>1.2` are about the whole of 1.2.
        same = number[: len(given)] == given
        if found[1] in ("", "^"):
            # The first number that is not zero stays as it is.
            fixed = next((index for index, part in enumerate(given) if part), len(given) - 1) + 1
            return number >= whole and number[:fixed] == given[:fixed]
        return {
            "<": number < whole,
            "<=": number < whole or same,
            ">": number > whole and not same,
            ">=": number >= whole,
            "=": same,
        }[found[1]]

    return all(map(meets, requirement.split(",")))


def named(entry: dict[str, str], name: str, version: str) -> bool:
    """Whether an entry of deny.toml, `crate = "NAME"` or `crate = "NAME:REQUIREMENT"`, is about this crate.

    Not `NAME@REQUIREMENT`: cargo-deny takes that too, and passes over what `<` and `>=` are to hold.
    """
    crate, _, requirement = entry["crate"].partition(":")
    if "@" in crate:
        raise ValueError(f"deny.toml: write {crate!r} with a colon")
    return crate == name and (not requirement or matches(version, requirement))


def check(metadata: dict[str, Any], rules: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Errors and notes for the crates of `cargo metadata` under the rules of a deny.toml."""
    errors, notes = [], []
    allowed = set(rules["licenses"]["allow"])
    exceptions: defaultdict[str, set[str]] = defaultdict(set)
    for entry in rules["licenses"].get("exceptions", []):
        exceptions[entry["crate"]] |= set(entry["allow"])
    skipped = rules["bans"].get("skip", [])
    registries = set(rules["sources"]["allow-registry"])
    members = set(metadata["workspace_members"])
    versions: defaultdict[str, set[str]] = defaultdict(set)
    for crate in metadata["packages"]:
        name, label = crate["name"], f"{crate['name']} {crate['version']}"
        versions[name].add(crate["version"])
        if not holds(crate["license"] or "", allowed | exceptions[name]):
            errors.append(f"licenses: {label}: {crate['license'] or 'none given'}")
        for entry in rules["bans"].get("deny", []):
            if named(entry, name, crate["version"]):
                errors.append(f"bans: {label} is denied: {entry.get('reason', 'see deny.toml')}")
        if crate["source"] is None:
            if crate["id"] not in members:
                errors.append(f"sources: {label} is a path outside the workspace")
            for dependency in crate["dependencies"]:
                if dependency["req"] == "*" and dependency["source"] is not None:
                    errors.append(f"bans: {label} takes any version of {dependency['name']}")
        elif crate["source"].removeprefix("registry+") not in registries:
            errors.append(f"sources: {label} comes from {crate['source'].split('+')[0]}")
    for name, present in sorted(versions.items()):
        left = [version for version in present if not any(named(entry, name, version) for entry in skipped)]
        if len(left) > 1:
            errors.append(f"bans: {name} is there in {len(left)} versions: {', '.join(sorted(left))}")
    for entry in skipped:
        crate = entry["crate"].partition(":")[0]
        if not any(named(entry, crate, version) for version in versions[crate]) or len(versions[crate]) == 1:
            notes.append(f"bans.skip: {entry['crate']} is not needed any more")
    return errors, notes


def read_rules() -> dict[str, Any]:
    """What deny.toml says."""
    return tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))


def main() -> int:
    """The command; see the module's text."""
    rules = read_rules()
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    errors, notes = check(metadata, rules)
    for note in notes:
        print(f"note: {note}")
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    print(f"deny: {len(metadata['packages'])} crates, {len(errors)} errors (licenses, bans, sources)")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
