"""What is known of a pause."""

from itertools import count

import pytest

from media.turn.dictation import Progress
from media.turn.endpoint import ExpectedReply, TurnRules
from media.turn.evidence import GOES_ON, IS_DONE, MAY_GO_ON, EvidenceCollector, TurnEvidence
from media.turn.expected_dictation import DictationKind, ExpectedDictation
from media.turn.floor import Floor
from tests.media.turn.floor_harness import FloorHarness, ScriptedJudge

REPLY, YES_NO, MESSAGE = ExpectedReply.REPLY, ExpectedReply.YES_NO, ExpectedReply.MESSAGE


def collector(judge: ScriptedJudge | None = None, language: str = "en-GB") -> EvidenceCollector:
    return EvidenceCollector(TurnRules(language=language), judge)


def test_the_judge_s_probability_is_the_text_s() -> None:
    judge = ScriptedJudge({"a table for two": 0.7})
    assert collector(judge).collect("a table for two", REPLY) == TurnEvidence(text=0.7)


def test_the_judge_is_asked_once_for_the_same_words_and_again_when_another_reply_is_expected() -> None:
    judge = ScriptedJudge()
    evidence = collector(judge)
    for asked in (REPLY, REPLY, YES_NO, YES_NO):
        evidence.collect("the fifteenth", asked)
    assert judge.asked == [("the fifteenth", "en", REPLY), ("the fifteenth", "en", YES_NO)]


@pytest.mark.parametrize(
    ("text", "asked", "probability"),
    [
        ("I'd like a table and.", REPLY, GOES_ON),
        ("Yes, please.", YES_NO, IS_DONE),
        ("Yes, please.", REPLY, 0.4),
        ("", REPLY, None),
        ("?!", REPLY, None),
        ("what is it for", REPLY, 0.4),
        ("I want to speak to", REPLY, MAY_GO_ON),
        ("The next bus is", REPLY, MAY_GO_ON),
        ("Yes, it is.", REPLY, 0.4),
    ],
)
def test_words_that_decide_alone_are_not_judged(text: str, asked: ExpectedReply, probability: float | None) -> None:
    assert collector(ScriptedJudge(default=0.4)).collect(text, asked).text == probability


def test_without_a_judge_only_rules_tell_something() -> None:
    assert collector().collect("I want to speak to", REPLY).text == MAY_GO_ON
    assert collector().collect("a table for two", REPLY).text is None


def test_other_languages_have_no_english_rules_and_only_a_judge_that_knows_them() -> None:
    assert collector(language="de").collect("ich bin in", REPLY) == TurnEvidence()
    assert collector(ScriptedJudge(default=0.4), "de").collect("my number is 4 1 5", REPLY) == TurnEvidence()
    judge = ScriptedJudge(default=0.4, languages=("de",))
    assert collector(judge, "de-AT").collect("ich bin in", REPLY).text == 0.4
    assert judge.asked == [("ich bin in", "de", REPLY)]


def test_words_are_judged_as_of_the_language_that_the_call_has_gone_over_to() -> None:
    judge = ScriptedJudge(languages=("en", "de"))
    call = FloorHarness(Floor(TurnRules(language="en"), judge=judge))
    for language in ("en", "de-AT", "tr"):
        call.floor.set_language(language)
        call.speech(1_000).silence(300).text("a table").silence(3_000).agent().agent_done()
    assert {language for _, language, _ in judge.asked} == {"en", "de"}, "no judge knows the third"


def test_a_message_that_is_over_is_judged_like_a_reply() -> None:
    evidence = collector()
    assert evidence.collect("Please call me back.", MESSAGE).asked is MESSAGE
    assert evidence.collect("Please call me back. That's all.", MESSAGE).asked is REPLY


PHONE, DAY, BIRTH, EMAIL = (
    ExpectedDictation(DictationKind.PHONE),
    ExpectedDictation(DictationKind.DATE),
    ExpectedDictation(DictationKind.DATE, needs_year=True),
    ExpectedDictation(DictationKind.EMAIL),
)


@pytest.mark.parametrize(
    ("text", "dictated", "progress"),
    [
        ("four one five", PHONE, Progress.PARTIAL),
        ("four one five five five five oh one two three", PHONE, Progress.WHOLE),
        ("I don't have one", PHONE, None),
        ("what do you need it for", PHONE, None),
        ("john dot smith", EMAIL, Progress.PARTIAL),
        ("john at example dot net", EMAIL, Progress.WHOLE),
        ("my number is four one five", None, Progress.PARTIAL),
        ("at five thirty", None, None),
        ("on the fifteenth", DAY, None),
        ("the fifteenth of march", BIRTH, Progress.PARTIAL),
        ("", PHONE, None),
    ],
)
def test_dictation_by_what_was_asked(text: str, dictated: ExpectedDictation | None, progress: Progress | None) -> None:
    found = collector().collect(text, REPLY, dictated).dictation
    assert (found and found.progress) == progress


def test_spelled_names_are_dictated_and_messages_are_not() -> None:
    spelled = collector().collect("s m i", ExpectedReply.SPELLING).dictation
    assert spelled is not None and spelled.progress is Progress.PARTIAL
    assert collector().collect("it's smith", ExpectedReply.SPELLING).dictation is None
    assert collector().collect("call me on four one five", MESSAGE).dictation is None


def test_a_recognizer_s_signal_belongs_to_its_words() -> None:
    evidence = collector()
    evidence.add_signal("Hello.", 0.8)
    assert evidence.collect("hello", REPLY).vendor == 0.8
    assert evidence.collect("hello there", REPLY).vendor is None
    evidence.begin_pause()
    assert evidence.collect("hello", REPLY).vendor == 0.8
    evidence.add_signal("", None)
    assert evidence.collect("hello", REPLY).vendor is None


def test_the_sound_belongs_to_one_pause() -> None:
    evidence = collector()
    evidence.sound = 0.9
    assert evidence.collect("hello", REPLY) == TurnEvidence(sound=0.9)
    evidence.begin_pause()
    assert evidence.collect("hello", REPLY) == TurnEvidence()


def pauses(evidence: EvidenceCollector, *lengths_ms: int) -> float:
    """The hesitation after pauses of these lengths, each with new words after it."""
    for pause_ms in lengths_ms:
        evidence.went_on(pause_ms)
        evidence.collect(f"so {next(WORDS)}", REPLY)
    return evidence.collect(f"so {next(WORDS)}", REPLY).hesitation


WORDS = count()


def test_a_caller_who_pauses_twice_gets_patience_and_loses_it_again() -> None:
    evidence = collector()
    assert pauses(evidence, 400, 900) == 0, "one long pause is no habit"
    more, most = pauses(evidence, 700), pauses(evidence, 700)
    assert most > more > 0
    for _ in range(3):
        evidence.end_turn()
    assert pauses(evidence, 300) < more


def test_sounds_without_new_words_are_no_pauses_of_the_caller() -> None:
    evidence = collector()
    evidence.collect("so", REPLY)
    for _ in range(4):
        evidence.went_on(900)
        assert evidence.collect("so", REPLY).hesitation == 0
