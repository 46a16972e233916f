"""The records of decisions: their form, their index, and that each record that something cites exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
NUMBERS = [record.name[:4] for record in RECORDS]
MOST_WORDS = 450
PARTS = ("Context", "Decision", "Consequences", "Figure that decided")
ROOMS = (
    "clients", "config", "console", "control", "deploy", "docs", "lab", "media", "shared", "simulator", "tests",
    "tools", "vendors", "vocalized",
)  # fmt: skip
SUFFIXES = {".c", ".js", ".json", ".md", ".py", ".sh", ".sql", ".toml", ".yaml", ".yml"}
NAMED_PATH = re.compile(rf"`((?:{'|'.join(ROOMS)})/[\w./-]+)`")
# "docs/decisions/0012", "../decisions/0012-….md" and "decision 0012".
CITATION = re.compile(r"\bdecisions?[/ ](?P<number>\d{4})\b(?P<rest>[\w.-]*)")


def cited_files() -> Iterator[Path]:
    yield from (path for path in ROOT.iterdir() if path.suffix in SUFFIXES or path.name.startswith("Dockerfile"))
    yield ROOT / "Makefile"
    for room in ROOMS:
        yield from (path for path in (ROOT / room).rglob("*") if path.suffix in SUFFIXES)


def lost_citations(text: str) -> list[str]:
    """Returns the citations of a text that name no record, or a record by another title."""
    names = {record.name for record in RECORDS}
    return [
        match[0]
        for match in CITATION.finditer(text)
        if match["number"] not in NUMBERS
        or (match["rest"].endswith(".md") and match["number"] + match["rest"] not in names)
    ]


def test_each_cited_decision_exists() -> None:
    lost = {
        str(path.relative_to(ROOT)): found
        for path in cited_files()
        if path != Path(__file__) and (found := lost_citations(path.read_text()))
    }
    assert not lost


def test_a_citation_without_a_record_is_found() -> None:
    assert lost_citations("see docs/decisions/0001 and decision 9999") == ["decision 9999"]
    assert lost_citations("[why](../decisions/0001-another-title.md)") == ["decisions/0001-another-title.md"]


def test_records_are_one_series() -> None:
    assert [f"{number:04d}" for number in range(1, len(RECORDS) + 1)] == NUMBERS


@pytest.mark.parametrize("record", RECORDS, ids=NUMBERS)
def test_a_record_is_one_page_with_all_parts(record: Path) -> None:
    text = record.read_text()
    assert re.match(rf"# {int(record.name[:4])}\. \S", text)
    assert len(text.split()) < MOST_WORDS
    assert [part for part in PARTS if not re.search(rf"^\*\*{part}\b", text, re.MULTILINE)] == []


def test_the_index_lists_each_record_by_its_title() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    listed = re.findall(r"^\| (\d{4}) \| \[(.+)\]\((.+)\) \|$", index, re.MULTILINE)
    assert listed == [
        (record.name[:4], record.read_text().splitlines()[0].partition(". ")[2], record.name) for record in RECORDS
    ]


@pytest.mark.parametrize("record", RECORDS, ids=NUMBERS)
def test_the_paths_in_a_record_exist(record: Path) -> None:
    assert [path for path in NAMED_PATH.findall(record.read_text()) if not (ROOT / path).exists()] == []
