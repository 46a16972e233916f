"""Ordinary turns of callers, which the model is only tested on."""

from typing import Final

from tools.completeness.corpus import DATA, Utterance, parse_turn
from tools.completeness.sentence_generator import ANSWERS

TURNS: Final = DATA / "phone_turns.txt"
_PLACE: Final = "/"


def read_turns() -> list[Utterance]:
    """The turns of TURNS, which may be cut nowhere where they may be over ("yes")."""
    return [parse_turn(line).without_cuts(ANSWERS) for line in _lines()]


def turn_texts() -> tuple[list[str], list[str]]:
    """The turns as a recognizer would write them, and every beginning of them that goes on."""
    whole, beginnings = [], []
    for line, turn in zip(_lines(), read_turns(), strict=True):
        words = [word for word in line.split() if word != _PLACE]
        whole.append(" ".join(words))
        beginnings += [" ".join(words[:length]) for length in turn.inner_cuts]
    return whole, beginnings


def _lines() -> list[str]:
    return TURNS.read_text().splitlines()
