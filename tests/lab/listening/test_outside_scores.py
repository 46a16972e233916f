"""Recordings for the tool that is not ours, and what it answers."""

from pathlib import Path

import pytest
import soundfile  # type: ignore[import-untyped]

from lab.listening.clips import Clip
from lab.listening.outside_scores import CallRecordings, OutsideError, OutsideScore, OutsideTool, write_stereo
from lab.listening.overlaps import OverlapCall
from lab.listening.virtual_call import CallOutcome
from media.audio import mulaw

CLIP = Clip("one", "development", "ann", "jfk", ())
CALL = OverlapCall([mulaw.SILENCE * 160] * 3, CallOutcome([], []), 1_500.0)
# A tool that checks its arguments: what it prints depends on them.
TOOL = """
import json, sys
arguments = sys.argv[1:]
onset = float(arguments[arguments.index("--onset") + 1])
verdict = {"passed": "yield" in arguments, "seconds_to_yield": onset / 10, "talk_over_sec": None}
print(json.dumps({"events": [{"verdict": verdict}]}))
"""


def tool(folder: Path, text: str) -> OutsideTool:
    (folder / "hotato").mkdir()
    (folder / "hotato" / "__main__.py").write_text(text)
    return OutsideTool(folder)


def test_both_sides_are_written_at_the_callers_length(tmp_path: Path) -> None:
    loud = mulaw.encode(b"\x00\x40" * 160)
    write_stereo(tmp_path / "call.wav", [mulaw.SILENCE * 160] * 2, loud)
    write_stereo(tmp_path / "long.wav", [mulaw.SILENCE * 160], loud * 9)
    both, rate = soundfile.read(tmp_path / "call.wav", dtype="int16")
    assert (both.shape, rate) == ((320, 2), 8_000)
    assert not both[:, 0].any()
    assert both[:160, 1].min() > 15_000 and not both[160:, 1].any()
    assert soundfile.info(tmp_path / "long.wav").frames == 160


def test_a_recording_is_scored_by_the_tool(tmp_path: Path) -> None:
    recordings = CallRecordings(tmp_path / "wav", tool(tmp_path, TOOL), "yield")
    recordings.add(CLIP, CALL)
    assert recordings.scores == [OutsideScore("one", "yield", True, 150.0, 0.0)]
    assert soundfile.info(tmp_path / "wav" / "yield-one.wav").frames == 480


@pytest.mark.parametrize("text", ["import sys; sys.exit('no such thing')", "print('{}')", "print('[')"])
def test_a_tool_that_fails_is_an_error_with_the_recording(tmp_path: Path, text: str) -> None:
    with pytest.raises(OutsideError, match=r"hold-one\.wav"):
        CallRecordings(tmp_path / "wav", tool(tmp_path, text), "hold").add(CLIP, CALL)


def test_a_tool_that_hangs_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.listening.outside_scores._TIMEOUT_S", 0.2)
    with pytest.raises(OutsideError, match="timed out"):
        CallRecordings(tmp_path / "wav", tool(tmp_path, "import time; time.sleep(9)"), "hold").add(CLIP, CALL)
