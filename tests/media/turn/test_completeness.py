"""The completeness model: what it says of fixed texts, and which files it refuses."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.turn import completeness
from media.turn.completeness import COMPLETENESS_EN, CompletenessModel, load_completeness_model
from media.turn.completeness_features import FORMAT, MAX_CHARS
from media.turn.expected_reply import ExpectedReply
from media.turn.onnx_models import ModelError

MODEL = load_completeness_model()
Arrays = dict[str, np.ndarray]


def judge(text: str, asked: ExpectedReply = ExpectedReply.REPLY) -> float:
    (chance,) = MODEL.probabilities([text], asked=asked)
    return chance


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        ("i would like to", "i would like to book a table"),
        ("i would like to book a", "i would like to book a table"),
        ("my name is", "my name is john smith"),
        ("the fifteenth would", "the fifteenth would be fine"),
        ("it's for my", "it's for my daughter"),
        ("how do i get to", "how do i get to dublin"),
        ("how do i get to dublin and", "how do i get to dublin"),
        ("i want to cancel um", "i want to cancel my order"),
        ("can you tell me what", "can you tell me what my balance is"),
        ("yes i'd like to", "yes please"),
    ],
)
def test_a_cut_sentence_is_far_below_the_whole_one(cut: str, whole: str) -> None:
    assert judge(cut) < 0.15
    assert judge(whole) > judge(cut) + 0.3


@pytest.mark.parametrize("last", ["and", "but", "because", "the", "my", "to", "of", "with", "is", "um", "uh", "i"])
def test_a_word_that_cannot_end_a_sentence_is_near_zero(last: str) -> None:
    assert judge(f"i called about the invoice {last}") < 0.15


def test_an_answer_is_whole_where_it_was_asked_for() -> None:
    assert judge("yes", ExpectedReply.YES_NO) > 0.5
    assert judge("no", ExpectedReply.YES_NO) > 0.5


def test_the_asked_number_is_whole_with_all_its_digits() -> None:
    words = ["five", "five", "five", "one", "two", "three", "four", "five", "six", "seven"]
    chances = [judge(" ".join(words[:count]), ExpectedReply.DIGITS) for count in (3, 6, 10)]
    assert max(chances[:2]) < 0.45 < 0.6 < chances[2], "what is missing, the grammar of dictations knows"


@pytest.mark.parametrize("end", [".", "?", "!", "...", ",", " -"])
def test_punctuation_and_capitals_count_for_nothing(end: str) -> None:
    assert judge(f"I would like to{end}") == judge("i would like to")


def test_a_sentence_is_judged_alike_behind_another_one_if_a_full_stop_divides_them() -> None:
    assert judge("It broke yesterday. I would like to get a refund") > 0.5
    assert judge("It broke yesterday. I would like to get a") < 0.15


def test_a_clause_that_waits_for_another_one_is_below_the_whole() -> None:
    whole = judge("If you help me, I'll see what I can do about your order")
    assert judge("If you help me") < whole - 0.15


def test_a_batch_says_what_single_texts_say() -> None:
    texts = ["i would like to", "", "thank you very much", "hello", "four one five", "..."] * 12
    assert MODEL.probabilities(texts) == pytest.approx([judge(text) for text in texts], abs=1e-6)


def test_without_words_nothing_has_ended() -> None:
    assert MODEL.probabilities([]) == []
    assert MODEL.probabilities(["", " ... ", "?!"]) == [0.0, 0.0, 0.0]


def test_of_a_long_text_only_the_end_is_read() -> None:
    end = "i would like to book a table please " * 40
    assert judge("hello there " * 100_000 + end) == judge(end[-MAX_CHARS:])


def test_other_languages_are_refused() -> None:
    assert MODEL.supports("en")
    assert MODEL.supports("en-GB")
    assert not MODEL.supports("de")
    with pytest.raises(ValueError, match="de has no completeness model, only en"):
        MODEL.probabilities(["ich möchte"], language="de")


@settings(max_examples=30, deadline=None)
@given(text=st.text(max_size=200), asked=st.sampled_from(ExpectedReply))
def test_any_text_has_a_probability(text: str, asked: ExpectedReply) -> None:
    chance = judge(text, asked)
    assert 0.0 <= chance <= 1.0
    assert judge(f"{text} .", asked) == chance


def test_a_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "changed.npz"
    path.write_bytes(COMPLETENESS_EN.read_bytes() + b"\0")
    with pytest.raises(ModelError, match=r"changed\.npz: its SHA-256 is [0-9a-f]{64}, expected [0-9a-f]{64}"):
        load_completeness_model(path)


def test_a_file_of_ones_own_needs_its_own_hash(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(COMPLETENESS_EN.read_bytes())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    model = load_completeness_model(path, sha256=digest.upper())
    assert model.probabilities(["my name is"]) == MODEL.probabilities(["my name is"])


def test_a_missing_and_a_huge_file_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"gone\.npz: No such file"):
        load_completeness_model(tmp_path / "gone.npz")
    monkeypatch.setattr(completeness, "MAX_FILE_BYTES", 10)
    with pytest.raises(ModelError, match="larger than 10 bytes"):
        load_completeness_model()


def test_error_names_a_file_that_is_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "broken.npz"
    for content in (b"not a model", b"PK\x03\x04 not an archive"):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"broken\.npz: not a completeness model"):
            load_completeness_model(path, sha256=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("out"), "lacks out"),
        (lambda arrays: arrays.update(format=np.array(FORMAT + 1)), f"format {FORMAT + 1}, expected {FORMAT}"),
        (lambda arrays: arrays.update(bias1=np.zeros(3)), r"bias1 is \(3,\), expected"),
        (lambda arrays: arrays.update(ngrams=np.zeros(9, np.int8)), r"ngrams is \(9,\), expected"),
    ],
)
def test_a_model_of_another_shape_is_refused(change: Callable[[Arrays], object], message: str) -> None:
    with np.load(io.BytesIO(COMPLETENESS_EN.read_bytes()), allow_pickle=False) as stored:
        arrays = dict(stored)
    change(arrays)
    with pytest.raises(ModelError, match=message):
        CompletenessModel(arrays)
