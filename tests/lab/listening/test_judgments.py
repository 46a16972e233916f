"""What the completeness model is asked in calls, and the shares of its answers."""

from collections.abc import Sequence

from lab.listening.clips import JFK, Clip, ClipAudio
from lab.listening.judgments import END, Judgment, judge_pauses, judgment_table, with_opinion
from lab.listening.virtual_call import CallSetup, ListeningEngines
from lab.listening.word_boundaries import WordBoundary
from media.providers.local.speech import Recognition
from media.turn.expected_reply import ExpectedReply

TEXT = "And so my fellow Americans ask not"
KENNEDY = Clip(
    "jfk", "development", "kennedy", "jfk", (JFK.name,), TEXT, end_ms=2_200, boundaries=(WordBoundary(700, 2, 0),)
)


class LengthRecognizer:
    """Hears two words in a short sound, and all of them in a long one."""

    def transcribe(self, pcm: bytes, sample_rate: int) -> Recognition:
        return Recognition(TEXT if len(pcm) > 2 * sample_rate * 1.5 else "Ask not.", 1.0)


class LengthJudge:
    def supports(self, language: str) -> bool:
        return True

    def probabilities(
        self, texts: Sequence[str], *, language: str = "en", asked: ExpectedReply = ExpectedReply.REPLY
    ) -> list[float]:
        return [len(text) / 100 for text in texts]


def test_the_end_and_each_boundary_are_judged_by_what_was_heard() -> None:
    engines = ListeningEngines(LengthRecognizer())
    found = list(judge_pauses([KENNEDY], ClipAudio(JFK.parent), CallSetup(), engines, LengthJudge()))
    assert found == [
        Judgment("jfk", END, TEXT, len(TEXT) / 100),
        Judgment("jfk", "open", "Ask not.", len("Ask not.") / 100),
    ]


def test_shares_are_of_the_pauses_at_the_threshold_that_the_ends_give() -> None:
    ends = [Judgment("a", END, "", chance / 10) for chance in range(11)]
    inside = [Judgment("a", "inside", "", chance) for chance in (0.1, 0.45, 0.55, 0.9)]
    rows = list(judgment_table([*ends, *inside, Judgment("a", "open", "", 0.5)]))
    assert rows[0] == "| ends judged done | threshold | all: 5 | inside: 4 | open: 1 | sentence: 0 |"
    assert rows[2:] == [
        "| 40% of 11 | 0.600 | 20.0% | 25.0% | 0.0% | nan% |",
        "| 50% of 11 | 0.500 | 60.0% | 50.0% | 100.0% | nan% |",
        "| 60% of 11 | 0.400 | 80.0% | 75.0% | 100.0% | nan% |",
        "| 64% of 11 | soon | 80.0% | 75.0% | 100.0% | nan% |",
    ]


def test_the_second_judge_is_asked_where_calls_would_ask_it() -> None:
    known = {"so": 0.1, "done": 1.0}
    doubtful = with_opinion(Judgment("a", END, "so", 0.5), known.__getitem__)
    sure = with_opinion(Judgment("a", END, "done", 0.5), known.__getitem__)
    assert doubtful.probability < 0.5 < sure.probability
    assert with_opinion(Judgment("a", END, "unasked", 0.99), known.__getitem__).probability == 0.99
