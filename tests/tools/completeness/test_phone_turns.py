"""Ordinary turns of callers, which the model is only tested on."""

import lzma
import random
import string

from media.turn.completeness import load_completeness_model
from tools.completeness.corpus import DATA, parse_turn
from tools.completeness.evaluation import phone_turn_figures
from tools.completeness.phone_turns import read_turns, turn_texts
from tools.completeness.sentence_generator import SentenceGenerator

NO_MARKS = str.maketrans("", "", string.punctuation.replace("'", ""))


def test_a_slash_is_behind_words_that_may_be_all() -> None:
    turn = parse_turn("If possible, / I'd rather come / in the morning.")
    assert " ".join(turn.words) == "if possible i'd rather come in the morning"
    assert turn.inner_cuts == [1, 3, 4, 6, 7]
    assert turn.commas == {2}
    assert turn.ends == {8}


def test_every_beginning_of_a_turn_is_shorter_than_it() -> None:
    turns = read_turns()
    whole, beginnings = turn_texts()
    assert len(whole) == len(turns) == len({turn.words for turn in turns}) >= 150
    assert [len(text.split()) for text in whole] == [len(turn.words) for turn in turns]
    assert len(beginnings) == sum(len(turn.inner_cuts) for turn in turns)
    assert "How far in" in beginnings
    assert {"Yes,", "We'd like a room"}.isdisjoint(beginnings)


def test_no_turn_is_among_the_texts_of_the_training() -> None:
    tested = {" ".join(turn.words) for turn in read_turns()}
    files = sorted(DATA.glob("*.txt.xz"))
    assert len(files) == 16
    for file in files:
        lines = lzma.decompress(file.read_bytes()).decode().lower().splitlines()
        texts = {" ".join(line.rpartition("\t")[2].translate(NO_MARKS).split()) for line in lines}
        assert tested.isdisjoint(texts), file.name
    made = SentenceGenerator(random.Random(16)).utterances(3_000)
    assert tested.isdisjoint(" ".join(each.words) for each in made)


def test_the_shipped_model_knows_ordinary_turns_from_their_beginnings() -> None:
    found = phone_turn_figures(load_completeness_model())
    assert found.area > 0.95
    assert found.done > 0.8, "ordinary turns are answered soon"
    assert found.patient > 0.9
