"""What was recognized once is not recognized again, also in another process."""

from pathlib import Path

from lab.listening.recognition_cache import RecognitionCache
from media.providers.local.speech import Recognition


class CountedRecognizer:
    def __init__(self) -> None:
        self.count = 0

    def transcribe(self, pcm: bytes, sample_rate: int) -> Recognition:
        self.count += 1
        return Recognition(f"text {len(pcm)} {sample_rate}", 0.5, hearings=3 if sample_rate == 8_000 else 1)


def test_a_sound_is_recognized_once(tmp_path: Path) -> None:
    engine, path = CountedRecognizer(), tmp_path / "folder" / "texts.jsonl"
    first = RecognitionCache(path, engine, "one")
    assert (
        first.transcribe(b"12", 8_000) == first.transcribe(b"12", 8_000) == Recognition("text 2 8000", 0.5, hearings=3)
    )
    assert RecognitionCache(path, engine, "one").transcribe(b"12", 8_000) == Recognition("text 2 8000", 0.5, hearings=3)
    assert engine.count == first.made == 1


def test_another_sound_rate_or_recognizer_is_another_entry(tmp_path: Path) -> None:
    engine, path = CountedRecognizer(), tmp_path / "texts.jsonl"
    RecognitionCache(path, engine, "one").transcribe(b"12", 8_000)
    RecognitionCache(path, engine, "one").transcribe(b"13", 8_000)
    RecognitionCache(path, engine, "one").transcribe(b"12", 16_000)
    RecognitionCache(path, engine, "two").transcribe(b"12", 8_000)
    assert engine.count == 4


def test_a_broken_line_is_passed_over(tmp_path: Path) -> None:
    engine, path = CountedRecognizer(), tmp_path / "texts.jsonl"
    RecognitionCache(path, engine, "one").transcribe(b"12", 8_000)
    path.write_text(path.read_text() + '["abc", "te')
    assert RecognitionCache(path, engine, "one").transcribe(b"12", 8_000).text == "text 2 8000"
    assert engine.count == 1


def test_another_way_with_short_sounds_keeps_the_texts_of_longer_ones(tmp_path: Path) -> None:
    engine, path = CountedRecognizer(), tmp_path / "texts.jsonl"
    short, long = bytes(2 * 8_000), bytes(2 * 2 * 8_000)
    before = RecognitionCache(path, engine, "one")
    before.transcribe(short, 8_000)
    before.transcribe(long, 8_000)
    after = RecognitionCache(path, engine, "one", "short-2")
    after.transcribe(long, 8_000)
    assert engine.count == 2
    after.transcribe(short, 8_000)
    assert engine.count == 3
