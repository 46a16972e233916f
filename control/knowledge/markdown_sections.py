"""Sections of Markdown and of plain text. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from control.knowledge.headings import HeadingPath
from control.knowledge.model import DocumentSection

# CommonMark 0.31, 4.2: up to three spaces, one to six #, then a space.
_HEADING: Final = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE: Final = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")  # 4.3
_FENCE: Final = re.compile(r"^ {0,3}(```|~~~)")  # 4.5
_EMPHASIS: Final = re.compile(r"(\*\*|__|`)")
_LINK: Final = re.compile(r"!?\[([^\]]{0,500})\]\([^)\s]{0,2000}\)")


def split_markdown(text: str) -> Iterator[DocumentSection]:
    """Yields the text between headings, each with the headings that it stands under."""
    path, lines, fence = HeadingPath(), list[str](), ""
    for line in text.splitlines():
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else (fence or mark[1])
            continue
        level, title = (0, "") if fence else _read_heading(line, lines)
        if not level:
            lines.append(line)
            continue
        yield DocumentSection(_plain("\n".join(lines)), path.text)
        path, lines = path.enter(level, _plain(title)), []
    yield DocumentSection(_plain("\n".join(lines)), path.text)


def split_text(text: str) -> Iterator[DocumentSection]:
    """Yields plain text, which has no headings."""
    yield DocumentSection(text)


def _read_heading(line: str, before: list[str]) -> tuple[int, str]:
    """Level and title; level 0 for a line that is no heading. Takes the title of an underlined one out of the lines
    before it."""
    if match := _HEADING.match(line):
        return len(match[1]), match[2]
    if (match := _UNDERLINE.match(line)) and before and before[-1].strip() and len(before[-1]) <= 200:
        return (1 if match[1].startswith("=") else 2), before.pop()
    return 0, ""


def _plain(text: str) -> str:
    return _EMPHASIS.sub("", _LINK.sub(r"\1", text))
