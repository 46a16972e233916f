"""Groups digits and references for reading them back: "4 1 5, 5 5 5, 0 1 2 3"."""

from collections.abc import Sequence
from typing import Final

from media.turn.expected_dictation import DictationKind

_LONGEST_GROUP: Final = 4
_NORTH_AMERICAN: Final = (3, 3, 4)
_AMERICAN_EXPRESS: Final = (4, 6, 5)


def speak_groups(characters: str, kind: DictationKind) -> str:
    """Return the characters one by one, with a comma after each group, where voices pause.

    Voices of all languages read single figures as digits.
    """
    groups: list[str] = []
    at = 0
    for size in group_sizes(characters, kind):
        groups.append(" ".join(characters[at : at + size]))
        at += size
    return ", ".join(groups)


def group_sizes(characters: str, kind: DictationKind) -> Sequence[int]:
    """Return the sizes of the groups.

    Phone numbers are grouped 3-3-4, and cards as printed. Other texts have groups of nearly equal size with up to four
    characters, the larger ones last.
    """
    count = len(characters)
    if kind is DictationKind.PHONE and count in (10, 11):
        return _NORTH_AMERICAN if count == 10 else (1, *_NORTH_AMERICAN)
    if kind is DictationKind.CARD:
        is_express = count == 15 and characters[:2] in ("34", "37")
        return _AMERICAN_EXPRESS if is_express else _fours(count)
    parts = -(-count // _LONGEST_GROUP)
    if not parts or count <= _LONGEST_GROUP:
        return (count,) if count else ()
    return [count // parts + (place >= parts - count % parts) for place in range(parts)]


def _fours(count: int) -> Sequence[int]:
    rest = count % _LONGEST_GROUP
    return (*(_LONGEST_GROUP,) * (count // _LONGEST_GROUP), *((rest,) if rest else ()))
