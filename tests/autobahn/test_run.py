"""The judge of the Autobahn cases must not be fooled."""

from __future__ import annotations

import pytest
from run import Verdict, judge, order

OK = ("OK", "OK")
TOLD = ("INFORMATIONAL", "INFORMATIONAL")
TABLE: dict[str, Verdict] = {"1.1.1": OK, "2.9": OK, "2.10": TOLD, "10.1.1": OK}


def test_what_is_as_expected_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge("server", dict(TABLE), TABLE, ["*"]) == 0
    assert capsys.readouterr().out == "server: 3 OK, 1 INFORMATIONAL\nautobahn server: 4 passed, 0 failed, 0 skipped\n"


@pytest.mark.parametrize(
    "changed",
    [
        {"1.1.1": ("NON-STRICT", "OK")},
        {"1.1.1": ("UNIMPLEMENTED", "OK")},
        {"1.1.1": ("OK", "UNCLEAN")},
        {"1.1.1": TOLD},
        {"2.10": OK},
        {"1.1.2": OK},
    ],
)
def test_what_is_not_good_or_not_expected_fails(changed: dict[str, Verdict]) -> None:
    assert judge("client", {**TABLE, **changed}, TABLE, ["*"]) == 1


def test_what_is_not_good_fails_also_if_it_is_expected() -> None:
    bad: dict[str, Verdict] = {**TABLE, "1.1.1": ("NON-STRICT", "OK")}
    assert judge("client", bad, bad, ["*"]) == 1


def test_a_case_that_did_not_run_fails_if_it_was_asked_for() -> None:
    assert judge("server", {"2.9": OK, "2.10": TOLD}, TABLE, ["2.*"]) == 0
    assert judge("server", {"2.9": OK}, TABLE, ["2.*"]) == 1
    assert judge("server", {}, TABLE, ["*"]) == len(TABLE)


def test_cases_are_in_the_order_of_chapters() -> None:
    assert sorted(["10.1.1", "2.10", "1.1.1", "2.9"], key=order) == list(TABLE)
