"""Texts, parts and cuts."""

import random

import pytest

from media.turn.expected_reply import ExpectedReply
from tools.completeness import corpus
from tools.completeness.calibration import LogitScale
from tools.completeness.corpus import Utterance
from tools.completeness.recognition_faults import Vocabulary, add_faults, add_filler, mishear
from tools.completeness.sentence_generator import SentenceGenerator
from tools.completeness.training_set import (
    INNER_END,
    PAUSE_WEIGHT,
    WITHIN_PHRASE,
    pause_weight,
    taught_cuts,
    training_cuts,
)


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def test_a_full_stop_inside_a_line_is_an_end_and_no_cut() -> None:
    utterances = corpus.read_utterances("banking77")
    (found,) = (each for each in utterances if each.words == words("i found my card how can i put it into my app"))
    assert found.ends == {4, 12}
    assert 4 not in found.inner_cuts


def test_what_was_asked_comes_with_the_answers_of_identity() -> None:
    asked = {utterance.asked for utterance in corpus.read_utterances("evi")}
    assert asked == {ExpectedReply.CODE, ExpectedReply.SPELLING, ExpectedReply.REPLY}


def test_no_words_are_in_two_parts() -> None:
    parts = [
        {each.words for each in corpus.read_part(("nlupp",), part)} for part in ("training", "development", "test")
    ]
    assert all(parts)
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]


def test_pairs_are_a_whole_utterance_and_a_beginning_of_it() -> None:
    cuts = corpus.pair_cuts(corpus.read_part(("nlupp",), "test"), random.Random(0))
    for prefix, whole in zip(cuts[::2], cuts[1::2], strict=True):
        assert (prefix.label, whole.label) == (0.0, 1.0)
        assert whole.words[: len(prefix.words)] == prefix.words != whole.words


def test_the_generator_makes_the_same_for_the_same_seed() -> None:
    made = SentenceGenerator(random.Random(5)).utterances(300)
    assert made == SentenceGenerator(random.Random(5)).utterances(300)
    assert made != SentenceGenerator(random.Random(6)).utterances(300)
    assert {each.asked for each in made} == set(ExpectedReply)
    assert not any("{" in word or not word for each in made for word in each.words)


def test_faults_leave_the_end_where_it_was() -> None:
    said, random_ = words("please move my booking to next wednesday"), random.Random(1)
    heard = {add_faults(said, random_) for _ in range(200)}
    assert len(heard) > 20
    assert {each[-1] for each in heard} == {"wednesday"}
    assert add_filler(said, random_)[: len(said)] == said


def test_one_word_is_misheard_as_one_that_begins_alike_or_with_an_s() -> None:
    said, random_ = words("she will send the card"), random.Random(4)
    heard = [mishear(said, Vocabulary(["cart", "sent", "care", "555"]), random_, is_end=False) for _ in range(300)]
    assert all(sum(one != other for one, other in zip(said, each, strict=True)) <= 1 for each in heard)
    assert {"cart", "care", "cards"} <= {each[-1] for each in heard}
    assert sum(each[:-1] != said[:-1] for each in heard) > 20
    ended = [mishear(said, Vocabulary(["cart"]), random_, is_end=True) for _ in range(50)]
    assert {each[-1] for each in ended} == {"card"}


def test_an_utterance_behind_another_one_keeps_its_cuts() -> None:
    joined = Utterance(words("send it to my home please"), ends=frozenset({6})).after(Utterance(words("it broke")))
    assert joined.words == words("it broke send it to my home please")
    assert joined.ends == {2, 8}
    assert joined.inner_cuts == [3, 4, 5, 6, 7]


def test_where_a_sentence_ends_inside_an_utterance_the_turn_may_go_on() -> None:
    utterance = Utterance(words("it broke can you fix it"), ends=frozenset({2, 6}))
    cuts = training_cuts([utterance] * 40, random.Random(5))
    assert {cut.label for cut in cuts if cut.words == ("it", "broke")} == {INNER_END}
    texts = [cut.words for cut in cuts if cut.label == 1.0]
    assert ("it", "broke", ".", "can", "you", "fix", "it") in texts
    assert ("it", "broke", ",", "can", "you", "fix", "it") in texts
    assert not any(text[-1] == "." for text in texts)


def test_an_answer_that_is_also_a_beginning_is_no_cut() -> None:
    cuts = training_cuts([Utterance(words("yes i do want it"))] * 20, random.Random(2))
    assert {"yes", "yes i do"}.isdisjoint(" ".join(cut.words) for cut in cuts if cut.label == 0.0)


def test_prefixes_weigh_by_how_probable_a_pause_is_there() -> None:
    utterance = Utterance(words("can you tell me where my package is"))
    within, before_clause, after_open_word = 2, 4, 6
    assert utterance.words[before_clause] == "where" and utterance.words[after_open_word - 1] == "my"
    assert pause_weight(utterance, within) == WITHIN_PHRASE < pause_weight(utterance, before_clause) == 1.0
    assert pause_weight(utterance, after_open_word) == 1.0
    weights = [cut.weight for cut in training_cuts([utterance], random.Random(3)) if cut.label == 0.0]
    assert sum(weights) <= PAUSE_WEIGHT * len(utterance.inner_cuts) < sum(weights) / WITHIN_PHRASE


def test_a_short_answer_weighs_more_than_its_beginning() -> None:
    cuts = training_cuts([Utterance(words("checking account"))], random.Random(3))
    assert {cut.label: cut.weight for cut in cuts} == {0.0: pytest.approx(PAUSE_WEIGHT * WITHIN_PHRASE), 1.0: 1.0}


def test_the_teacher_lifts_what_may_be_an_end() -> None:
    utterance = Utterance(words("cancel my order please"))
    cuts = taught_cuts([utterance], {utterance.words: (0.01, 0.01, 0.9, 0.9)}, LogitScale(1.0, 0.0))
    assert [len(cut.words) for cut in cuts] == [1, 2, 3]
    assert cuts[0].label < 0.01 < 0.3 < cuts[2].label < 0.5
