"""The headings that a place in a document stands under."""

from dataclasses import dataclass
from typing import Final

LONGEST_HEADING: Final = 200
SEPARATOR: Final = " > "


@dataclass(frozen=True, slots=True)
class HeadingPath:
    """parts: (level, title) of the headings, the outermost first, levels growing."""

    parts: tuple[tuple[int, str], ...] = ()

    def enter(self, level: int, title: str) -> "HeadingPath":
        """The path below a further heading; it ends those of its level and of deeper ones."""
        kept = tuple(part for part in self.parts if part[0] < level)
        return HeadingPath((*kept, (level, " ".join(title.split()))))

    @property
    def text(self) -> str:
        """The titles in one line, of LONGEST_HEADING characters at most: the innermost ones are kept."""
        titles = [title for _, title in self.parts if title]
        while len(titles) > 1 and len(SEPARATOR.join(titles)) > LONGEST_HEADING:
            titles.pop(0)
        return SEPARATOR.join(titles)[:LONGEST_HEADING]
