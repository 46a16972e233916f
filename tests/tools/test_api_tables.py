"""Tables of the documentation that repeat what the API declares."""

import re

import pytest

from tools.api_tables import DOCUMENTS, PAGES, TABLES, rewrite


@pytest.mark.parametrize("page", PAGES)
def test_the_page_has_what_the_code_declares(page: str) -> None:
    text = (DOCUMENTS / page).read_text()
    assert text == rewrite(text), "run python -m tools.api_tables"


def test_each_table_is_on_one_page() -> None:
    text = "".join((DOCUMENTS / page).read_text() for page in PAGES)
    assert sorted(re.findall(r"<!-- table: (\S+), by", text)) == sorted(TABLES)


def test_a_table_is_replaced_as_a_whole() -> None:
    old = "before\n<!-- table: check-limits, by python -m tools.api_tables -->\nold\n\n<!-- end of table -->\nafter"
    assert "old" not in rewrite(old)
    assert rewrite(old).startswith("before\n<!-- table") and rewrite(old).endswith("<!-- end of table -->\nafter")
