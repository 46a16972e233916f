"""docs/README.md lists each page once, behind the door of its folder."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
DOORS = {"Use it": "use", "Run it": "run", "Change it": "develop", "Evidence": "evidence"}


def test_each_page_is_listed_once_behind_its_door() -> None:
    parts = re.split(r"^## (.+)$", (DOCS / "README.md").read_text(), flags=re.MULTILINE)[1:]
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        listed = re.findall(rf"\]\({DOORS[title]}/([\w-]+\.md)\)", text)
        assert sorted(listed) == sorted(page.name for page in (DOCS / DOORS[title]).glob("*.md")), title
