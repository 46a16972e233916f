"""The import of natural recordings, and what is imported."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lab.listening.__main__ import app
from lab.listening.natural.importer import WHOLE_CALLS, import_natural
from lab.listening.natural.recordings import (
    InnerPause,
    NaturalTurn,
    read_all_turns,
    read_recording,
    read_turns,
    split_of,
    turn_sound,
    turn_sounds,
)
from tests.lab.listening.natural.example import voice, write_example


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("lab.listening.natural.importer.WHOLE_CALLS", 0)
    import_natural(write_example(tmp_path), tmp_path / "out")
    return tmp_path / "out"


def turns_by_case(folder: Path) -> dict[str, NaturalTurn]:
    return {turn.case: turn for turn in read_all_turns(folder=folder)}


def test_command_imports_reliable_callers_only(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["import-natural", str(write_example(tmp_path)), "--out", str(out)])
    assert (result.exit_code, result.stdout) == (0, "4 turns\n")
    assert [*turns_by_case(out)] == ["getgoing/aa/0", "getgoing/aa/1", "getgoing/aa/2", "harper-valley/bb/0"]


def test_turn_has_its_words_pauses_and_question(imported: Path) -> None:
    turn = turns_by_case(imported)["getgoing/aa/0"]
    assert (turn.start_ms, turn.end_ms, turn.next_ms, turn.ending) == (1_000, 2_600, 8_000, "end")
    assert turn.pauses == [InnerPause(500, 600)]
    assert (turn.prompt, turn.text) == ("How would you like to travel today?", "By bus. Yes.")


def test_transcript_gives_question_and_words(imported: Path) -> None:
    turn = turns_by_case(imported)["harper-valley/bb/0"]
    assert (turn.prompt, turn.text) == ("how can i help you", "my balance please")


def test_turn_is_ambiguous_if_voice_goes_on_after_its_end(imported: Path) -> None:
    assert turns_by_case(imported)["getgoing/aa/1"].ending == "ambiguous"
    assert [turn.case for turn in read_turns(folder=imported)] == ["getgoing/aa/0", "harper-valley/bb/0"]


def test_recording_is_silent_between_turns(imported: Path) -> None:
    turn = turns_by_case(imported)["getgoing/aa/0"]
    samples, original = read_recording(turn, imported), voice(16.0, (1.0, 1.5), (2.1, 2.6))
    assert np.allclose(samples[600 * 8 : 3_000 * 8], original[600 * 8 : 3_000 * 8], atol=1e-4)
    assert not samples[: 600 * 8].any() and not samples[3_000 * 8 : 7_600 * 8].any()


def test_whole_calls_keep_their_noise(tmp_path: Path) -> None:
    assert WHOLE_CALLS
    import_natural(write_example(tmp_path), tmp_path / "out")
    turn = turns_by_case(tmp_path / "out")["getgoing/aa/0"]
    assert turn.is_whole and read_recording(turn, tmp_path / "out", 4_000, 5_000).any()


def test_sound_contains_the_turn_and_nothing_of_the_next(imported: Path) -> None:
    turn = turns_by_case(imported)["getgoing/aa/0"]
    sound = turn_sound(turn, folder=imported)
    assert (sound.bursts, sound.end_ms, len(sound.samples) / 8) == ([(400, 900), (1_500, 2_000)], 2_000, 2_400)
    close = NaturalTurn(turn.case, turn.source, turn.call, turn.speaker, turn.bursts, 2_800, "end")
    assert len(turn_sound(close, 900, imported).samples) / 8 == 50 + 1_600 + 150


def test_set_yields_turns_with_sounds(imported: Path) -> None:
    (name,) = split_of(turns_by_case(imported)["getgoing/aa/0"])
    assert [turn.case for turn, _ in turn_sounds(name, imported)] == ["getgoing/aa/0", "harper-valley/bb/0"]
    assert turns_by_case(imported).keys() == {turn.case for turn in read_all_turns(name, imported)}


def test_speakers_of_the_list_are_in_one_set_except_the_few() -> None:
    sets = {turn.speaker: split_of(turn) for turn in read_turns()}
    assert all(len(sets[turn.speaker]) == (1 if turn.source == "getgoing" else 2) for turn in read_turns())
    development = sum("development" in names for names in sets.values())
    assert 0.5 < development / len(sets) < 0.8


def test_every_turn_of_the_list_lies_in_its_recording() -> None:
    for name in ("development", "held_out"):
        sounds = {turn.call: (turn, sound) for turn, sound in turn_sounds(name) if turn.source != "aws-lca"}
        for _, sound in list(sounds.values())[::10]:
            assert len(sound.samples) / 8 >= sound.end_ms
            assert sound.samples.any()
