"""The local TextToSpeech: clause by clause, with timings from the first audio on."""

from collections.abc import AsyncIterator

import pytest

from media.audio import mulaw
from media.providers.local.clauses import pause_ms
from media.providers.local.speech import SynthesizedSpeech, WordTiming
from media.providers.local.tts import LocalTextToSpeech
from media.providers.ports import ProviderError, SpeechChunk


class FakeEngine:
    """Speaks at 10 ms per character."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def synthesize(self, text: str) -> SynthesizedSpeech:
        self.texts.append(text)
        words, at = [], 0.0
        for word in text.split(" "):
            written = f"{word} " if at + len(word) * 10 < len(text) * 10 else word
            words.append(WordTiming(written, at, at + 10.0 * len(word)))
            at += 10.0 * len(written)
        return SynthesizedSpeech(b"\1\2" * (80 * len(text)), tuple(words))


async def pieces(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def speak(*texts: str) -> tuple[list[SpeechChunk], list[str]]:
    engine = FakeEngine()
    return [chunk async for chunk in LocalTextToSpeech(engine).stream(pieces(*texts), "en")], engine.texts


async def test_each_clause_is_one_request() -> None:
    chunks, texts = await speak("Thank you for calling, how are you? ", "Good.")
    assert texts == ["Thank you for calling, ", "how are you? ", "Good."]
    assert len(chunks) == 3
    assert chunks[0].audio == mulaw.encode(b"\1\2" * (80 * len(texts[0])))


async def test_words_are_timed_from_the_first_audio_with_the_pauses_between() -> None:
    chunks, texts = await speak("One, two. ", "Yes it is.")
    first, second = chunks
    pause = pause_ms(texts[0])
    assert second.audio.startswith(mulaw.SILENCE * (8 * pause) + mulaw.encode(b"\1\2"))
    assert second.words[0].text == "Yes "
    assert second.words[0].start_ms == len(first.audio) / 8 + pause
    assert second.words[1].start_ms == second.words[0].start_ms + 40
    assert "".join(word.text for item in chunks for word in item.words) == "One, two. Yes it is."


async def test_the_first_audio_comes_before_the_rest_is_requested() -> None:
    engine = FakeEngine()
    stream = LocalTextToSpeech(engine).stream(pieces("Thank you for calling, how are you?"), "en")
    await anext(stream)
    assert engine.texts == ["Thank you for calling, "]
    await stream.aclose()


async def test_text_without_words_has_no_audio() -> None:
    chunks, texts = await speak("\u2026 ", " ", "Yes.")
    assert texts == ["Yes."]
    assert chunks[0].words[0].start_ms == 0


async def test_another_language_is_refused() -> None:
    with pytest.raises(ProviderError, match="language de is not supported"):
        await anext(LocalTextToSpeech(FakeEngine()).stream(pieces("Hallo."), "de"))


def test_voice_takes_clauses_and_times_words() -> None:
    voice = LocalTextToSpeech(FakeEngine())
    assert (voice.name, voice.streams_text, voice.times_words) == ("local", False, True)
