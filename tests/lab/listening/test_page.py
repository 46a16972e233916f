"""Tables and the page: the figures in them are those of the cases."""

from pathlib import Path

import msgspec
import pytest

from lab.listening.dictations import DictationCase
from lab.listening.figures import interval, percentile, share
from lab.listening.hesitations import HesitationCase
from lab.listening.natural.cases import HeardPause, NaturalCase
from lab.listening.natural.recordings import Phrase
from lab.listening.outside_scores import OutsideScore
from lab.listening.overlaps import OverlapCase
from lab.listening.page import write
from lab.listening.pauses import PauseCase
from lab.listening.peers import PeerCase
from lab.listening.results import ListeningRun
from lab.listening.rooms import HeardCase, NoiseCase
from lab.listening.summary import pause_table, peer_table, score_table, tables


def paused(pause_ms: int, was_cut: bool, response_ms: float | None, place: str = "inside") -> PauseCase:
    return PauseCase(
        clip="clip",
        speaker="ann",
        pause_ms=pause_ms,
        at_ms=900,
        place=place if pause_ms else "",
        said="so",
        was_cut=was_cut,
        early_ms=[],
        response_ms=response_ms,
    )


def natural(
    source: str,
    response_ms: float | None,
    starts_ms: list[float],
    phrase: Phrase | None = None,
    lost_words: int | None = None,
) -> NaturalCase:
    pauses = [HeardPause(500, 700, phrase, bool(starts_ms))] if phrase else []
    return NaturalCase(
        case=f"{source}/a/0",
        source=source,
        speaker="ann",
        call="a",
        prompt="Where?",
        said="Bus.",
        heard="Bus.",
        turns=1,
        pauses=pauses,
        starts_ms=starts_ms,
        has_withdrawn_start=len(starts_ms) > 1,
        response_ms=response_ms,
        overlap_ms=150.0 if starts_ms else 0.0,
        lost_words=lost_words,
    )


CASES = [
    paused(0, False, 700.0),
    paused(500, False, 800.0),
    paused(500, True, 900.0, "sentence"),
    paused(1_200, True, 1_000.0),
    paused(1_200, False, None, "open"),
]


def run() -> ListeningRun:
    return ListeningRun(
        set="held_out",
        llm_ms=200,
        tts_ms=80,
        silence_ms=600,
        smart_turn=False,
        pauses=CASES,
        turns=[paused(0, False, 780.0), paused(0, False, 1_620.0), paused(0, False, None)],
        natural_turns=[
            natural("getgoing", 700.0, []),
            natural("getgoing", 1_100.0, [-900.0, 1_100.0]),
            natural("aws-lca", 1_300.0, []),
            natural("getgoing", None, []),
            natural("getgoing", 900.0, [], "finished"),
        ],
        natural_pauses=[
            natural("getgoing", 900.0, [-900.0, 900.0], "finished", 1),
            natural("getgoing", 800.0, [], "unfinished", 0),
            natural("harper-valley", -400.0, [-400.0], "unfinished", 0),
        ],
        hesitations=[
            HesitationCase("a", "ann", "ummm", "inside", True, None),
            HesitationCase("b", "bob", "uhhh", "inside", False, 800.0),
        ],
        nods=[OverlapCase("a", "ann", True, 400.0, 80.0, 60.0, 40.0), OverlapCase("b", "bob", False, 0.0, 120.0)],
        eager_interruptions=[OverlapCase("a", "ann", False, 0.0, 90.0, 90.0)],
        far_voices=[OverlapCase("c", "eve", True, 0.0, None)],
        noises=[OverlapCase("d", "", True, 0.0, None, 100.0), OverlapCase("e", "", True, 0.0, None)],
        babble=[HeardCase("a", "ann", -26.0, 0.8, 900.0, 1), HeardCase("b", "bob", -26.0, 0.9, 3_500.0, 1)],
        noise=[NoiseCase("hiss", 1.0, 0), NoiseCase("hum", 1.0, 2)],
        quiet=[HeardCase("a", "ann", -53.0, 0.0, None, 0), HeardCase("a", "ann", -40.0, 1.0, 900.0, 1)],
        dictations=[DictationCase("date", 500, True, 800.0, 520.0), DictationCase("date", 800, False, None, None)],
    )


def test_pauses_are_counted_by_length_and_place() -> None:
    lines = list(pause_table(CASES))
    assert "| 500 | 2 | 50.0% | 0.0% of 1 | - of 0 | 100.0% of 1 | - of 0 |" in lines
    assert "| 1200 | 2 | 50.0% | 100.0% of 1 | 0.0% of 1 | - of 0 | - of 0 |" in lines
    assert "| all | 4 | 50.0% | 50.0% of 2 | 0.0% of 1 | 100.0% of 1 | - of 0 |" in lines
    assert "| all | 5 | 850 | 985 | 1 |" in lines
    assert "| clips without a pause | 1 | 700 | 700 | 0 |" in lines


@pytest.mark.parametrize(("said", "ends_nothing"), [("I have a", True), ("Go to", False), ("Where are they", False)])
def test_words_that_can_end_no_sentence_are_counted_by_themselves(said: str, ends_nothing: bool) -> None:
    case = msgspec.structs.replace(paused(900, True, None, "open"), said=said)
    assert case.ends_nothing is ends_nothing
    row = next(line for line in pause_table([case]) if line.startswith("| all | 1 |"))
    assert row.endswith("| 100.0% of 1 |" if ends_nothing else "| - of 0 |")


@pytest.mark.parametrize(
    "line",
    [
        "| 3 | 33.3% | 1200, 1578 | 1 |",
        "| natural, without a pause | 4 | 1100 | 1260 | 66.7% | 33.3% | 25.0% (4.6 to 69.9) | 25.0% | 1 |",
        "| Harper Valley and AWS, without a pause | 1 | 1300 | 1300 | 100.0% | 100.0% | 0.0% (0.0 to 79.3) "
        "| 0.0% | 0 |",
        "| GetGoing, all turns at their natural rate | 4 | 900 | 1060 | 33.3% | 0.0% | 25.0% (4.6 to 69.9) "
        "| 25.0% | 1 |",
        "| read sentences | 1 | 700 | 700 | 0.0% | 0.0% | 0.0% (0.0 to 79.3) | - | 0 |",
        "| short acted turns | 3 | 1200 | 1536 | 50.0% | 50.0% | 0.0% (0.0 to 56.2) | - | 1 |",
        "| GetGoing | 2 | 50.0% (9.5 to 90.5) | 100.0% (20.7 to 100.0) of 1 | 0.0% (0.0 to 79.3) of 1 | 150 "
        "| 50.0% (9.5 to 90.5) | 0.0% (0.0 to 79.3) | 850, 890 |",
        "| Harper Valley and AWS callers | 1 | 100.0% (20.7 to 100.0) | - of 0 | 100.0% (20.7 to 100.0) of 1 | 150 "
        "| 100.0% (20.7 to 100.0) | 100.0% (20.7 to 100.0) | - |",
        "| a hesitation | 2 | 50.0% | 50.0% of 2 | - of 0 | - of 0 | 800, 800 |",
        "| nods | 2 | 50.0% | 400, 400 | 50.0% | 60, 60 | 20, 20 | 100.0% | 100, 118 |",
        "| interruptions, `eager` | 1 | 0.0% | - | 100.0% | 90, 90 | 90, 90 | 100.0% | 90, 90 |",
        "| a voice 20 dB softer | 1 | 100.0% | 0, 0 | 0.0% | - | - | 0.0% | - |",
        "| other sounds | 2 | 100.0% | 0, 0 | 50.0% | 100, 100 | 100, 100 | 0.0% | - |",
        "| babble, 10 dB | 2 | 50.0% | 100.0% | 100.0% | 2200, 3370 |",
        "| caller at -53 dB of full scale | 1 | 0.0% | 0.0% | 0.0% | - |",
        "| caller at -40 dB of full scale | 1 | 100.0% | 100.0% | 100.0% | 900, 900 |",
        "Noise: 2 false turns in 2 minutes.",
        "| date | 2 | 1 | 520, 520 | 1 |",
    ],
)
def test_every_family_has_its_line(line: str) -> None:
    assert line in list(tables(run()))


def test_a_family_that_was_not_run_has_none() -> None:
    assert len(list(tables(ListeningRun("development", 200, 80, 600, True)))) == 1


def test_scores_of_others() -> None:
    scores = [OutsideScore("a", "yield", True, 60.0, 60.0), OutsideScore("b", "yield", False, None, 2_000.0)]
    assert "| stop (interruptions) | 2 | 1 | 60, 60 | 1030 |" in list(score_table(scores))
    over_sockets = [msgspec.structs.replace(scores[0], place="socket")]
    lines = list(score_table([*scores, *over_sockets]))
    assert "| stop (interruptions) | 2 | 1 | 60, 60 | 1030 |" in lines
    assert "| stop (interruptions), over sockets | 1 | 1 | 60, 60 | 60 |" in lines
    cases = [PeerCase("lean", "a", pause_ms, pause_ms > 600, 900.0) for pause_ms in (500, 700, 900, 1_200)]
    assert "| lean | 0% | 100% | 100% | 100% | 900, 900 |" in list(peer_table(cases))


def test_the_page_has_tables_method_and_sources(tmp_path: Path) -> None:
    scores, peers = [OutsideScore("a", "hold", True, None, 0.0)], [PeerCase("lean", "a", 500, True, None)]
    text = write([run()], tmp_path / "docs", scores, peers).read_text()
    assert "| go on (nods) | 1 | 1 | - | 0 |" in text
    assert "| lean | 100% | nan% | nan% | nan% | - |" in text
    assert "## Held out, model 200 + voice 80 ms" in text
    assert "| flight-of-the-amazon-queen | 1.0.0-11 |" in text
    assert "## How the figures are made" in text
    assert (tmp_path / "docs" / "listening.png").read_bytes().startswith(b"\x89PNG")


def test_interval_of_a_share_is_wilsons() -> None:
    assert interval([True] * 3 + [False] * 97) == pytest.approx((0.0103, 0.0845), abs=1e-4)
    assert interval([False] * 10)[0] == 0.0
    assert [str(value) for value in interval([])] == ["nan", "nan"]


def test_no_cases_have_no_figures() -> None:
    assert share([True, False, False, False]) == 0.25
    assert [str(value) for value in (share([]), percentile([], 50))] == ["nan", "nan"]
