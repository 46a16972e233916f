"""The sections of pages that scenarios write."""

from pathlib import Path

from lab.engine.page import write_section


def test_section_is_replaced_or_added_and_others_stay(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n## One\n\nold\n\n## Two\n\nkept\n")
    write_section(page, "One", "new")
    write_section(page, "Three", "added")
    write_section(page, "Three", "again")
    text = page.read_text()
    assert "old" not in text and "added" not in text and text.count("## Three") == 1
    assert text.startswith("# Page\n\n## One\n\nnew\n\n(") and "\n\n## Two\n\nkept\n\n## Three\n\nagain\n\n(" in text


def test_page_that_does_not_exist_begins_with_the_section(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    write_section(page, "One", "new")
    assert page.read_text().startswith("## One\n\nnew\n\n(")
