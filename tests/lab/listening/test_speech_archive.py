"""The game's archive, on a small one that is made here by the same description."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from lab.listening.speech_archive import ArchiveError, SpeechArchive


def recording(ms: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full(ms * 16, 0.25), 16_000, format="WAV")
    return file.getvalue()


def archive(folder: Path, files: dict[str, bytes]) -> SpeechArchive:
    table, at = b"", 15 + 21 * len(files)
    for name, data in files.items():
        table += struct.pack(">12sBII", name.encode(), 1, at, len(data))
        at += len(data)
    path = folder / "queen.1c"
    path.write_bytes(b"QTBLCEM10\0\0\0\1" + struct.pack(">H", len(files)) + table + b"".join(files.values()))
    return SpeechArchive(path)


def test_lines_have_their_speakers_and_parts(tmp_path: Path) -> None:
    conversation = bytes(24) + struct.pack(">h", 7) + bytes(10)
    parts = ["070001P2.SB", "070001P1.SB", "070001J1.SB", "990001P1.SB", "C100A011.SB"]
    lines = archive(tmp_path, {"BOB2.DOG": conversation} | dict.fromkeys(parts, b"")).lines()
    assert [(line.name, line.speaker, line.parts) for line in lines] == [
        ("070001J", "joe", ("070001J1.SB",)),
        ("070001P", "bob", ("070001P1.SB", "070001P2.SB")),
    ]


def test_a_recording_is_read_at_8_khz(tmp_path: Path) -> None:
    samples = archive(tmp_path, {"070001P1.SB": recording(500)}).samples("070001P1.SB")
    assert len(samples) == 4_000
    assert samples[2_000] == pytest.approx(0.25, abs=0.01)


def test_short_recordings_are_listed_by_size(tmp_path: Path) -> None:
    small = archive(tmp_path, {"B.SB": b"12", "A.SB": b"1", "LONG.SB": b"1" * 9, "A.PCX": b""})
    assert small.names(5) == ["A.SB", "B.SB"]


def test_sounds_that_are_no_speech_are_told_by_their_names(tmp_path: Path) -> None:
    names = ["3SSSSSSS.SB", "123ASSSS.SB", "1034SSSS.SB", "03SSSSJ1.SB", "070001P1.SB", "SSSSSSSS.SB", "99SSSSSS.PCX"]
    assert archive(tmp_path, dict.fromkeys(names, b"")).noises() == ["1034SSSS.SB", "123ASSSS.SB", "3SSSSSSS.SB"]


def test_another_file_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(b"RIFF")
    with pytest.raises(ArchiveError, match=r"other\.bin"):
        SpeechArchive(path)
