"""The check of documents reports what does not exist, with its line."""

import ast
from pathlib import Path

from tools.check_documents import (
    defines,
    find_broken_links,
    find_missing_names,
    find_unchecked_tests,
    find_untested_refusals,
    find_untested_walls,
)

PAGE = Path(__file__).with_suffix(".md")  # where a text under test would stand


def test_reports_missing_files_folders_and_definitions() -> None:
    text = (
        "`tests/nowhere.py`, `tests/nowhere/` and `tests/tools/test_check_documents.py`\n(`PAGE`,\n`test_nothing` and"
        " `NOTHING`), but `tests/conftest.py` (`postgres`) and `tests/tools/` exist."
    )
    assert [fault for _, fault in sorted(find_missing_names(text))] == [
        "there is no file tests/nowhere.py",
        "there is no folder tests/nowhere/",
        "tests/tools/test_check_documents.py does not define test_nothing, NOTHING",
    ]


def test_finds_definitions_of_modules_classes_and_tests() -> None:
    tree = ast.parse("class Call:\n    def end(self): ...\n    def test_end(self): ...\nLIMIT = 1")
    assert defines(tree, "Call.end")
    assert defines(tree, "LIMIT")
    assert defines(tree, "test_end")
    assert not defines(tree, "Call.begin")
    assert not defines(tree, "end")
    assert not defines(tree, "test_begin")


def test_reports_tests_that_are_named_without_their_file() -> None:
    text = "`tests/a.py` (`test_one`, `test_two`), then `test_one` and `test_three`"
    assert [text[at:].partition("`")[0] for at, _ in find_unchecked_tests(text)] == ["test_three"]


def test_reports_links_to_missing_files_and_headings() -> None:
    threats = "../../docs/evidence/threats.md"
    text = (
        f"[one](__init__.py), [two](nowhere.md#part), [three](https://example.com/x.md), `[four](none.md)`,"
        f" [five]({threats}#everything-else), [six]({threats}#nothing)"
    )
    assert [fault for _, fault in find_broken_links(text, PAGE)] == [
        "there is no file nowhere.md",
        "there is no heading #nothing in threats.md",
    ]


def test_reports_what_a_stolen_node_cannot_do_without_a_test() -> None:
    row = "| a fault | {} | a wall | {} |\n"
    text = (
        "## A stolen media node\n\n| attempt | result | wall | test |\n| --- | --- | --- | --- |\n"
        + row.format("cannot", "`tests/control/test_rls.py`")
        + row.format("cannot", "as above")
        + row.format("**can**", "")
        + row.format("cannot", "")
        + "\n## Everything else\n"
    )
    found = [text[at:].partition("\n")[0] for at, _ in find_untested_refusals(text)]
    assert found == [row.format("cannot", "").strip()]


def test_reports_walls_without_a_test() -> None:
    row = "| a customer | a fault | a wall | {} |\n"
    text = (
        "## Everything else\n\n| attacker | attempt | wall | test |\n| --- | --- | --- | --- |\n"
        + row.format("`tests/control/test_rls.py`")
        + row.format("none yet")
        + "\n## What no wall holds\n"
    )
    assert [text[at:].partition("\n")[0] for at, _ in find_untested_walls(text)] == [row.format("none yet").strip()]
