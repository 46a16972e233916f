"""A backup is as loud as the first choice."""

from collections.abc import AsyncIterator

import pytest

from media.audio.loudness import measure_loudness
from media.providers.chain.tts import TextToSpeechChain
from media.providers.chain.voice_levels import MAX_GAIN_DB, MEASURED_MS, VoiceLevel, VoiceLevels, gain_db
from media.providers.ports import ProviderError, SpeechChunk
from tests.media.audio.test_loudness import tone
from tests.media.providers.fakes import FakeTextToSpeech
from tests.media.providers.virtual import run

SECONDS = MEASURED_MS / 1_000


def measured(amplitude: float) -> VoiceLevel:
    level = VoiceLevel("voice")
    level.add(tone(amplitude, SECONDS))
    return level


async def one_sentence() -> AsyncIterator[str]:
    yield "Good morning. "


def test_a_voice_is_measured_once_from_enough_of_it() -> None:
    level = VoiceLevel("voice")
    level.add(tone(0.2, SECONDS - 1))
    assert level.lufs is None
    level.add(tone(0.2, 1))
    first = level.lufs
    assert first is not None
    level.add(tone(0.9, SECONDS))
    assert level.lufs == first


def test_silence_is_no_level() -> None:
    level = VoiceLevel("voice")
    level.add(b"\xff" * (MEASURED_MS * 8))
    assert level.lufs is None
    level.add(tone(0.2, SECONDS))
    assert level.lufs is not None


@pytest.mark.parametrize(
    ("first", "backup", "gain"), [(0.2, 0.4, -6.0), (0.4, 0.2, 6.0), (0.2, 0.21, 0.0), (0.9, 0.02, MAX_GAIN_DB)]
)
def test_the_gain_is_the_difference_within_limits(first: float, backup: float, gain: float) -> None:
    assert gain_db(measured(first), measured(backup)) == gain


def test_without_both_levels_there_is_no_gain() -> None:
    assert gain_db(VoiceLevel("a"), measured(0.1)) == gain_db(measured(0.1), VoiceLevel("b")) == 0.0


def test_voices_are_told_apart_and_forgotten_in_turn() -> None:
    levels = VoiceLevels(most=2)
    first, other = levels.find("a", b"1"), levels.find("a", b"2")
    assert levels.find("a", b"1") is first is not other
    levels.find("b", b"1")
    assert levels.find("a", b"1") is first
    assert levels.find("a", b"2") is not other


def test_a_failover_does_not_jump() -> None:
    """The backup is twice as loud as the first choice, which fails at once."""
    failing = FakeTextToSpeech("a", ProviderError("a", "socket closed"))
    backup = FakeTextToSpeech("b", SpeechChunk(tone(0.4)))
    levels = [measured(0.2), measured(0.4)]
    chain = TextToSpeechChain([failing, backup], lambda failed: None, levels=levels)

    async def scene() -> bytes:
        return b"".join([chunk.audio async for chunk in chain.stream(one_sentence(), "en")])

    assert measure_loudness(run(scene())) == pytest.approx(levels[0].lufs, abs=0.3)
