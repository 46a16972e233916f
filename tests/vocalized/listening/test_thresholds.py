"""What a threshold of the words' probability answers soon, and where it cuts."""

from tests.media.turn.floor_harness import ScriptedJudge
from vocalized.listening.clips import Clip
from vocalized.listening.thresholds import threshold_table
from vocalized.listening.word_boundaries import WordBoundary


def test_turns_and_places_inside_are_counted_apart_and_without_the_comma_of_the_whole() -> None:
    clips = [
        Clip("a", "development", "ann", "x", (), "No, it is not.", boundaries=(WordBoundary(500, 1, 50),)),
        Clip("b", "development", "bob", "x", (), "Tell me.", boundaries=(WordBoundary(500, 1, 50),)),
    ]
    judge = ScriptedJudge({"No, it is not.": 0.9, "No": 0.86, "Tell me.": 0.7, "Tell": 0.2})
    lines = list(threshold_table(clips, judge))
    assert "| 0.50 | 100.0% | 50.0% |" in lines
    assert "| 0.86 | 50.0% | 50.0% |" in lines
    assert "| 0.87 | 50.0% | 0.0% |" in lines
    assert "| 0.92 | 0.0% | 0.0% |" in lines
