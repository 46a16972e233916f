"""Cuts a text into clauses, so that the first one sounds while the next one is still being made."""

from typing import Final

from media.providers.local.normalise import read_out

# Characters: an opening clause may be short, for an early first sound; later ones carry the melody better when longer.
SHORTEST_FIRST: Final = 12
SHORTEST_LATER: Final = 40
# Without any punctuation, a text is cut here: a voice that takes everything at once would let the caller wait.
LONGEST: Final = 120


def clauses(text: str) -> list[str]:
    """The clauses; joined, they are the text. Text without any word gives none."""
    cut: list[str] = []
    clause, words = "", False
    for reading in read_out(text):
        clause += reading.written
        words = words or bool(reading.spoken)
        if words and _ends(clause, reading.stop, first=not cut):
            cut.append(clause)
            clause, words = "", False
    if words:
        cut.append(clause)
    elif cut:
        cut[-1] += clause
    return cut


def pause_ms(clause: str) -> int:
    """The silence behind a clause, before the next one."""
    stop = next((reading.stop for reading in reversed(read_out(clause)) if reading.stop), "")
    return {"": 40, ",": 120}.get(stop, 250)


def _ends(clause: str, stop: str, *, first: bool) -> bool:
    if stop in (".", "!", "?"):
        return True
    shortest = SHORTEST_FIRST if first else SHORTEST_LATER
    return len(clause) >= (shortest if stop else LONGEST)
