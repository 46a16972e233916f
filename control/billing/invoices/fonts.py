"""Additional fonts for invoices, for characters that Roboto does not contain."""

from functools import lru_cache
from pathlib import Path
from typing import Final

_SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc"})


@lru_cache(maxsize=64)
def read_letters(file: Path) -> frozenset[int]:
    """Return the code points that a font supports (TrueType, OpenType, or the first font of a collection).

    A font with Chinese characters takes 0.1 s. Raises OSError, and ValueError if the file is not a font.
    """
    # Imported here, because it is needed only for additional fonts and when an invoice is written.
    from fontTools.ttLib import TTFont, TTLibError  # type: ignore[import-untyped]

    try:
        with file.open("rb") as data, TTFont(data, fontNumber=0, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    except TTLibError as error:
        raise ValueError(f"{file.name} is not a font: {error}") from None


def list_fonts(folder: Path) -> tuple[Path, ...]:
    """Return the font files in a folder by name, after reading each.

    Raises ValueError if the folder cannot be read, or if a file is not a font.
    """
    try:
        found = tuple(sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES))
        for file in found:
            read_letters(file)
    except OSError as error:
        raise ValueError(f"{error.filename or folder} cannot be read: {error.strerror}") from None
    return found
