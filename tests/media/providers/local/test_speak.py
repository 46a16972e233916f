"""The voice behind the port: clause by clause, timed from the first audio on."""

from collections.abc import AsyncIterator

import pytest

from media.audio import mulaw
from media.providers.local.clauses import pause_ms
from media.providers.local.speak import LocalSpeak
from media.providers.local.speech import Speech, Word
from media.providers.ports import ProviderError, Spoken


class FakeEngine:
    """Speaks 10 ms a character; each word sounds for its characters."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def synthesise(self, text: str) -> Speech:
        self.asked.append(text)
        words, at = [], 0.0
        for word in text.split(" "):
            written = f"{word} " if at + len(word) * 10 < len(text) * 10 else word
            words.append(Word(written, at, at + 10.0 * len(word)))
            at += 10.0 * len(written)
        return Speech(b"\1\2" * (80 * len(text)), tuple(words))


async def pieces(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def speak(*texts: str) -> tuple[list[Spoken], list[str]]:
    engine = FakeEngine()
    return [spoken async for spoken in LocalSpeak(engine).stream(pieces(*texts), "en")], engine.asked


async def test_each_clause_is_spoken_by_itself() -> None:
    spoken, asked = await speak("Thank you for calling, how are you? ", "Good.")
    assert asked == ["Thank you for calling, ", "how are you? ", "Good."]
    assert len(spoken) == 3
    assert spoken[0].audio == mulaw.encode(b"\1\2" * (80 * len(asked[0])))


async def test_words_are_timed_from_the_first_audio_with_the_pauses_between() -> None:
    spoken, asked = await speak("One, two. ", "Yes it is.")
    first, second = spoken
    pause = pause_ms(asked[0])
    assert second.audio.startswith(mulaw.SILENCE * (8 * pause) + mulaw.encode(b"\1\2"))
    assert second.words[0].text == "Yes "
    assert second.words[0].start_ms == len(first.audio) / 8 + pause
    assert second.words[1].start_ms == second.words[0].start_ms + 40
    assert "".join(word.text for item in spoken for word in item.words) == "One, two. Yes it is."


async def test_the_first_audio_comes_before_the_rest_is_asked_for() -> None:
    engine = FakeEngine()
    stream = LocalSpeak(engine).stream(pieces("Thank you for calling, how are you?"), "en")
    await anext(stream)
    assert engine.asked == ["Thank you for calling, "]
    await stream.aclose()


async def test_what_has_no_words_has_no_sound() -> None:
    spoken, asked = await speak("\u2026 ", " ", "Yes.")
    assert asked == ["Yes."]
    assert spoken[0].words[0].start_ms == 0


async def test_another_language_is_refused() -> None:
    with pytest.raises(ProviderError, match="knows no de"):
        await anext(LocalSpeak(FakeEngine()).stream(pieces("Hallo."), "de"))


def test_the_port_is_told_what_the_voice_can_do() -> None:
    voice = LocalSpeak(FakeEngine())
    assert (voice.name, voice.streams_text, voice.times_words) == ("local", False, True)
