"""The conformance table's own rules: what it must find, and what it must refuse."""

from __future__ import annotations

from pathlib import Path

import make_table
from make_table import Row, assign, find_tests, page, read_rows


def rows() -> list[Row]:
    return [
        Row("WS-5.2-1", "shall", "one"),
        Row("WS-5.2-10", "shall", "ten"),
        Row("WS-6.2.2.7-1", "may", "names <in> order"),
        Row("WS-A-2", "shall", "bare", later="formats: XML"),
    ]


def test_the_longest_id_in_a_name_counts() -> None:
    ten = "rust:core/src/x.rs::ws_5_2_10_flow"
    one = "python:py/tests/test_x.py::test_ws_5_2_1_99_times"
    both = "c:tests/c/x.c::ws_6_2_2_7_1_and_ws_a_2_together"
    table = rows()
    assert assign(table, [ten, one, both]) == []
    assert [row.tests for row in table] == [[one], [ten], [both], [both]]


def test_a_row_without_test_and_owner_is_an_error() -> None:
    errors = assign(rows(), ["rust:a.rs::ws_5_2_1_x", "rust:a.rs::ws_5_2_10_x"])
    assert errors == ["WS-6.2.2.7-1 has no test and no owner: names <in> order"]


def test_a_name_that_fits_no_row_is_an_error() -> None:
    errors = assign([], ["rust:a.rs::ws_9_9_1_x", "rust:a.rs::ws_frame_of_126"])
    assert errors == ["rust:a.rs::ws_9_9_1_x: there is no row ws_9_9_1"]


def test_a_listed_test_must_exist_and_must_not_be_found_anyway() -> None:
    table = [Row("WS-5.2-1", "shall", "one", tests=["rust:a.rs::gone", "rust:a.rs::ws_5_2_1_x"])]
    errors = assign(table, ["rust:a.rs::ws_5_2_1_x"])
    assert len(errors) == 2
    assert "gone" in errors[0]
    assert "do not list it" in errors[1]


def test_bad_rows_are_refused() -> None:
    text = """
[[row]]
id = "WS-5.2"
level = "shall"
text = "no number"
[[row]]
id = "WS-5.2-1"
level = "must"
text = "no such level"
[[row]]
id = "WS-5.2-2"
level = "may"
text = "no such owner"
later = "somebody: later"
[[row]]
id = "WS-5.2-3"
level = "may"
text = "fine"
[[row]]
id = "WS-5.2-3"
level = "may"
text = "twice"
"""
    good, errors = read_rows(text)
    assert [row.id for row in good] == ["WS-5.2-3"]
    assert len(errors) == 4


def test_tests_are_found_in_all_three_languages(tmp_path: Path) -> None:
    files = {
        "core/src/frame.rs": """
            #[test]
            fn plain() {}
            #[tokio::test(flavor = "multi_thread")]
            // why
            #[should_panic]
            async fn with_attributes() {}
            fn helper() {}
        """,
        "ffi-c/target/x.rs": "#[test]\nfn built() {}",
        "py/tests/test_a.py": "def test_a(): ...\nclass B:\n    async def test_b(self): ...\ndef helper(): ...\n",
        "tests/c/session.c": "static void ws_5_2_1_x(void);\nstatic void ws_5_2_1_x(void)\n{\n}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert list(find_tests(tmp_path)) == [
        "rust:core/src/frame.rs::plain",
        "rust:core/src/frame.rs::with_attributes",
        "python:py/tests/test_a.py::test_a",
        "python:py/tests/test_a.py::test_b",
        "c:tests/c/session.c::ws_5_2_1_x",
    ]


def test_the_page_shows_text_links_and_what_is_to_come() -> None:
    table = rows()
    assign(table, ["rust:core/src/x.rs::ws_6_2_2_7_1_order"])
    text = page(table)
    assert "| names &lt;in&gt; order | [`ws_6_2_2_7_1_order`](../core/src/x.rs) |" in text
    assert "*to come: formats: XML*" in text


def test_our_rows_are_well_formed() -> None:
    good, errors = read_rows(make_table.ROWS.read_text(encoding="utf-8"))
    assert errors == []
    assert len(good) >= 50
    assert all(row.section for row in good)
