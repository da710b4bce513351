"""The tools that judge a run must not be fooled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deny import check, holds, matches, named, read_rules
from summary import counts, main

CARGO = """
running 2 tests
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
C: 7 passed, 1 failed
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CARGO, (22, 3, 1)),
        ("====== 4 passed, 1 skipped in 3.87s ======", (4, 0, 1)),
        ("=== 1 failed, 2 passed, 1 xpassed, 3 errors in 62.10s (0:01:02) ===", (2, 5, 0)),
        ("4 passed in 4.04s", (4, 0, 0)),
        (
            "autobahn server: 250 passed, 1 failed, 0 skipped\nautobahn client: 251 passed, 0 failed, 0 skipped",
            (501, 1, 0),
        ),
        ("SKIPPED, the Autobahn test suite: no CPython 2.7\nautobahn: 0 passed, 0 failed, 502 skipped", (0, 0, 502)),
        ("nothing was tested", (0, 0, 0)),
    ],
)
def test_counts(text: str, expected: tuple[int, int, int]) -> None:
    assert counts(text) == expected


def test_a_run_without_tests_and_a_failed_one_are_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, empty, bad = (tmp_path / name for name in ("good.log", "empty.log", "bad.log"))
    good.write_text("\x1b[32m4 passed\x1b[0m in 4.04s\nSKIPPED, tests against ACME: no index\n")
    empty.write_text("error: could not compile\n")
    bad.write_text("1 failed in 1.00s\n")
    assert main([str(good)]) == 0
    out = capsys.readouterr().out
    assert "no index" in out
    assert out.endswith("4 passed, 0 failed, 0 skipped\n")
    assert main([str(good), str(empty)]) == 1
    assert main([str(good), str(bad)]) == 1
    assert main([]) == 1


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0", True),
        ("GPL-3.0 OR MIT", True),
        ("MIT AND GPL-3.0", False),
        ("GPL-3.0 OR MIT AND ISC", True),
        ("(GPL-3.0 OR MIT) AND ISC", True),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", False),
        ("MIT/GPL-3.0", True),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("", False),
        ("MIT MIT", False),
    ],
)
def test_licence_expressions(expression: str, expected: bool) -> None:
    assert holds(expression, {"MIT", "ISC"}) is expected


@pytest.mark.parametrize(
    ("requirement", "meets", "does_not"),
    [
        ("<1.11.1", ["0.9.9", "1.9.12", "1.11.0"], ["1.11.1", "1.12.0", "2.0.0"]),
        (">=0.9, <0.9.3", ["0.9.0", "0.9.2"], ["0.8.9", "0.9.3", "0.10.0"]),
        ("=0.10.0", ["0.10.0", "0.10.0+build.7"], ["0.10.1", "0.1.0"]),
        ("=1.2", ["1.2.0", "1.2.9"], ["1.3.0"]),
        ("<=1.2", ["1.1.9", "1.2.9"], ["1.3.0"]),
        (">1.2", ["1.3.0", "2.0.0"], ["1.2.9", "1.1.0"]),
        ("2", ["2.0.0", "2.119.0"], ["1.9.9", "3.0.0"]),
        ("0.8", ["0.8.0", "0.8.8"], ["0.7.9", "0.9.0", "1.8.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4", "0.1.3"]),
        ("0", ["0.1.0", "0.99.0"], ["1.0.0"]),
    ],
)
def test_version_requirements(requirement: str, meets: list[str], does_not: list[str]) -> None:
    assert [version for version in [*meets, *does_not] if matches(version, requirement)] == meets


@pytest.mark.parametrize("requirement", ["~1.2", "*", "", "1.x", "<1.2.3.4", "<1.2 <1.3"])
def test_a_requirement_that_is_not_understood_does_not_pass(requirement: str) -> None:
    with pytest.raises(ValueError, match=r"deny\.toml"):
        matches("1.0.0", requirement)


def test_rules_are_applied() -> None:
    registry = "https://example.org/index"
    crate: dict[str, Any] = {"version": "1.0.0", "license": "MIT", "source": f"registry+{registry}", "dependencies": []}
    loose = {"name": "serde", "req": "*", "source": f"registry+{registry}"}
    metadata = {
        "workspace_members": ["ours"],
        "packages": [
            {**crate, "name": "ours", "id": "ours", "source": None, "dependencies": [loose]},
            {**crate, "name": "fine", "id": "1"},
            {**crate, "name": "fine", "id": "2", "version": "2.0.0"},
            {**crate, "name": "copyleft", "id": "3", "license": "GPL-3.0"},
            {**crate, "name": "excepted", "id": "4", "license": "MPL-2.0"},
            {**crate, "name": "banned", "id": "5"},
            {**crate, "name": "fetched", "id": "6", "source": "git+https://example.org/x"},
            {**crate, "name": "beside", "id": "7", "source": None},
            {**crate, "name": "holed", "id": "8", "version": "0.4.9"},
            {**crate, "name": "mended", "id": "9", "version": "0.5.0"},
            {**crate, "name": "accepted", "id": "10"},
            {**crate, "name": "accepted", "id": "11", "version": "2.0.0"},
        ],
    }
    rules = {
        "licenses": {"allow": ["MIT"], "exceptions": [{"crate": "excepted", "allow": ["MPL-2.0"]}]},
        "bans": {
            "deny": [
                {"crate": "banned"},
                {"crate": "holed:<0.5", "reason": "RUSTSEC-2000-0001"},
                {"crate": "mended:<0.5", "reason": "RUSTSEC-2000-0002"},
            ],
            "skip": [{"crate": "accepted:1"}, {"crate": "gone:1"}, {"crate": "excepted:1"}],
        },
        "sources": {"allow-registry": [registry]},
    }
    errors, notes = check(metadata, rules)
    about = ["ours", "copyleft", "banned", "fetched", "beside", "holed", "fine"]
    assert [error.split()[1] for error in errors] == about
    assert errors[-2] == "bans: holed 0.4.9 is denied: RUSTSEC-2000-0001"
    assert errors[-1] == "bans: fine is there in 2 versions: 1.0.0, 2.0.0"
    assert notes == ["bans.skip: gone:1 is not needed any more", "bans.skip: excepted:1 is not needed any more"]


def test_a_version_behind_an_at_sign_is_refused_because_cargo_deny_passes_over_it() -> None:
    with pytest.raises(ValueError, match="colon"):
        named({"crate": "bytes@<1.11.1"}, "bytes", "1.11.0")


def test_deny_toml_names_versions_that_are_understood() -> None:
    bans = read_rules()["bans"]
    entries = [*bans["deny"], *bans["skip"]]
    assert any("RUSTSEC-2026-0285" in entry.get("reason", "") for entry in entries)
    for entry in entries:
        name, _, requirement = entry["crate"].partition(":")
        assert named(entry, name, "0.0.0") is (not requirement or matches("0.0.0", requirement))
    assert all(entry["reason"] for entry in bans["skip"])
