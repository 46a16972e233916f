"""Packages are fetched once, and only the pinned ones are used."""

import stat
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from lab.listening.clips import LIST, NODS, TURNS, SetName, read_clips
from lab.listening.sources import AMAZON_QUEEN, HOTATO, SOURCES, Source, SourceError, fetch


def pinned(**changes: str) -> Source:
    values = dict(name="speech", version="1", sha256="0" * 64, file="usr/a.wav", license="MIT", content="")
    return Source(kind="debian", **(values | changes))


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    """Puts a program of that name before all others."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder / "bin"), prepend=":")


def test_what_is_there_is_not_fetched(tmp_path: Path) -> None:
    place = tmp_path / "speech-1" / "usr" / "a.wav"
    place.parent.mkdir(parents=True)
    place.touch()
    assert fetch(pinned(), tmp_path) == place


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "apt-get", "echo changed > speech_1_all.deb")
    with pytest.raises(SourceError, match=f"speech=1: its SHA-256 is .*expected {'0' * 64}"):
        fetch(pinned(), tmp_path)


def test_a_failed_download_is_an_error_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "apt-get", "echo no network >&2; exit 100")
    with pytest.raises(SourceError, match="speech=1: apt-get: no network"):
        fetch(pinned(), tmp_path)


def test_a_package_without_the_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "apt-get", "printf x > speech_1_all.deb")
    install(tmp_path, monkeypatch, "dpkg-deb", "exit 0")
    of_x = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    with pytest.raises(SourceError, match=r"speech=1: has no usr/a\.wav"):
        fetch(pinned(sha256=of_x), tmp_path)


def test_every_source_is_pinned_and_licensed() -> None:
    for source in (*SOURCES, HOTATO):
        assert len(source.sha256) == 64
        assert source.version and source.license
    assert AMAZON_QUEEN.pinned == "flight-of-the-amazon-queen=1.0.0-11"
    assert HOTATO.pinned == "hotato==1.20.0"


def test_the_sets_are_large_and_share_no_speaker() -> None:
    clips = read_clips()
    assert len({clip.name for clip in clips}) == len(clips) >= 80
    speakers = [{clip.speaker for clip in read_clips(name)} for name in get_args(SetName)]
    assert sum(map(len, speakers)) == len(set.union(*speakers))
    assert min(map(len, speakers)) >= 6
    assert sum(len(clip.boundaries) for clip in read_clips("development")) >= 300
    scenes = [{clip.speaker for clip in read_clips(name, NODS)} for name in ("development", "held_out")]
    assert not scenes[0] & scenes[1]
    assert len(read_clips(path=NODS)) >= 36
    turns = read_clips(path=TURNS)
    assert not {clip.name for clip in turns} & {clip.name for clip in clips}
    for name in get_args(SetName):
        others = {clip.speaker for clip in (*clips, *turns) if clip.set != name}
        assert not others & {clip.speaker for clip in turns if clip.set == name}
    assert all(2 <= len(clip.text.split()) <= 11 for clip in turns)


def test_cuts_lie_between_words_of_the_text() -> None:
    for clip in read_clips(path=LIST):
        assert clip.boundaries, clip.name
        words = len(clip.text.split())
        assert all(0 < boundary.before < words + 2 and boundary.soft_ms >= 30 for boundary in clip.boundaries), (
            clip.name
        )
        assert msgspec.json.decode(msgspec.json.encode(clip), type=type(clip)) == clip
