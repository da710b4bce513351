"""Sums up what the test runs logged: one line per run, every line about skipped tests, and the total at the end.

    python tests/tools/summary.py build/log/test-*.log

Reads the closing lines of cargo test, of pytest, of our C test programs (`C: 12 passed, 0 failed`), and of the Autobahn
suite (`autobahn client: 251 passed, 0 failed, 0 skipped`). Exit status 1 when a test failed or when a log shows no test
at all: a run that tested nothing must not look like success.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.MULTILINE)
OURS = re.compile(r"^(?:C|autobahn(?: \w+)?): (\d+) passed, (\d+) failed(?:, (\d+) skipped)?", re.MULTILINE)
PYTEST = re.compile(r"^=*\s*((?:\d+ [a-z]+,? ?)+) in [\d.]+s", re.MULTILINE)
FAILED = {"failed", "error", "errors", "xpassed"}


def counts(text: str) -> tuple[int, int, int]:
    """Passed, failed and skipped tests in one log."""
    passed = failed = skipped = 0
    for match in [*CARGO.finditer(text), *OURS.finditer(text)]:
        good, bad, left = (int(number or 0) for number in match.groups())
        passed, failed, skipped = passed + good, failed + bad, skipped + left
    for match in PYTEST.finditer(text):
        for number, word in re.findall(r"(\d+) ([a-z]+)", match.group(1)):
            passed += int(number) * (word == "passed")
            failed += int(number) * (word in FAILED)
            skipped += int(number) * (word == "skipped")
    return passed, failed, skipped


def main(paths: list[str]) -> int:
    """The command; see the module's text."""
    total = [0, 0, 0]
    empty = []
    for path in map(Path, paths):
        text = re.sub(r"\x1b\[[\d;]*m", "", path.read_text(encoding="utf-8", errors="replace"))
        found = counts(text)
        print(f"{path.stem:20} {found[0]:5} passed {found[1]:3} failed {found[2]:3} skipped")
        # pytest's own line names the place before the reason; one line for each reason is enough.
        for reason in dict.fromkeys(
            re.findall(r"\bSKIPPED(?: \[\d+\] \S+:\d+:)?(?: SKIPPED)?,? (.*)$", text, re.MULTILINE)
        ):
            print(f"    SKIPPED {reason}")
        if not any(found):
            empty.append(path.stem)
        total = [before + now for before, now in zip(total, found)]
    if empty or not paths:
        print(f"no test ran in: {', '.join(empty) or 'any log'}")
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] or empty or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
