"""Further fonts for invoices, for letters that Roboto does not have."""

from functools import lru_cache
from pathlib import Path
from typing import Final

_SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc"})


@lru_cache(maxsize=64)
def read_letters(file: Path) -> frozenset[int]:
    """The code points that a font has (TrueType, OpenType, or the first of a collection). Takes 0.1 s for one with
    Chinese letters. Raises OSError, and ValueError for a file that is none."""
    # Only where there are further fonts, or an invoice is written.
    from fontTools.ttLib import TTFont, TTLibError  # type: ignore[import-untyped]

    try:
        with file.open("rb") as data, TTFont(data, fontNumber=0, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    except TTLibError as error:
        raise ValueError(f"{file.name} is no font: {error}") from None


def list_fonts(folder: Path) -> tuple[Path, ...]:
    """The files of fonts in a folder by name, each read once. Raises ValueError for a folder that cannot be read, and
    for a file that is no font."""
    try:
        found = tuple(sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES))
        for file in found:
            read_letters(file)
    except OSError as error:
        raise ValueError(f"{error.filename or folder} cannot be read: {error.strerror}") from None
    return found
