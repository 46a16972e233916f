"""The table of decisions names code, the list of packages is current, and ARCHITECTURE.md is short."""

import re
from pathlib import Path

from tools import module_index

ROOT = Path(__file__).parents[1]
WHERE = ROOT / "docs" / "where.md"
# `path/file.py` (`Name`
DECIDED_BY = re.compile(r"`[\w.]+/[\w./]+\.(?:py|sql|toml|svg)` \(`[\w.]+`")
# A successor should be able to read it in ten minutes.
ARCHITECTURE_BYTES = 10_000


def test_each_question_names_the_code_that_decides_it() -> None:
    rows = [line for line in WHERE.read_text().splitlines() if line.startswith("| ")]
    places = [row.split(" | ")[1] for row in rows if not row.startswith(("| question", "| ---"))]
    assert len(places) > 60
    assert [place for place in places if not DECIDED_BY.match(place)] == []


def test_index_of_packages_is_current() -> None:
    assert module_index.TARGET.read_text() == module_index.make_page(), "run python -m tools.module_index"


def test_architecture_stays_short() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_bytes()) <= ARCHITECTURE_BYTES
