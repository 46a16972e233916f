"""The voices of a call that may change its language, and how a plan's providers are made for its languages."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from media.command import VENDORS
from media.providers.chain.stt import SpeechToTextChain
from media.providers.chain.tts import TextToSpeechChain
from media.providers.factory import ProviderFactory, Providers
from media.providers.language_voices import LanguageVoices, VoiceChain
from media.providers.ports import SpeechChunk
from shared.plan import CallPlan, PlanError, decode_plan
from tests.media.providers.fakes import FakeTextToSpeech
from tests.media.providers.virtual import run

AUDIO = SpeechChunk(b"\x10" * 80)


class PreparedVoice(FakeTextToSpeech):
    """Counts how often it was prepared."""

    prepared = 0

    def prepare(self) -> None:
        self.prepared += 1


async def once(text: str) -> AsyncIterator[str]:
    yield text


def make(voice: FakeTextToSpeech) -> VoiceChain:
    return VoiceChain(voice, (voice,))


def test_the_language_chooses_the_chain() -> None:
    async def main() -> None:
        english, spanish = PreparedVoice("a", AUDIO), PreparedVoice("b", AUDIO)
        voices = LanguageVoices(make(english), {"es-MX": make(spanish)})
        for language in ("en", "es-MX", "de"):
            assert [one async for one in voices.stream(once(language), language)] == [AUDIO]
        assert (english.texts, spanish.texts) == (["en", "de"], ["es-MX"])
        voices.prepare_language("es-MX")
        voices.prepare_language("de")
        assert (english.prepared, spanish.prepared) == (0, 1)

    run(main())


def test_the_text_comes_as_the_most_demanding_voice_needs_it() -> None:
    plain, streaming = FakeTextToSpeech("a"), FakeTextToSpeech("b", streams_text=False, times_words=False)
    voices = LanguageVoices(make(plain), {"es": make(streaming)})
    assert not voices.streams_text and not voices.times_words
    assert LanguageVoices(make(plain), {}).streams_text


# --- of a plan ---


def plan(languages: list[dict[str, Any]], stt: dict[str, Any] | None = None) -> CallPlan:
    standin: list[dict[str, Any]] = [{"provider": "standin"}]
    lists = {"stt": [stt, *standin] if stt else standin, "llm": standin, "tts": standin}
    return decode_plan(msgspec.json.encode({"agent": {"language": "en"}, **lists, "languages": languages}))


async def build(made: CallPlan) -> Providers:
    async with aiohttp.ClientSession() as http:
        factory = ProviderFactory(VENDORS, http)
        providers = factory.build(made, lambda failed: None, lambda used: None)
        await factory.close()
        return providers


def test_a_language_with_voices_of_its_own_gets_a_chain_of_them() -> None:
    own = {"provider": "spanish", "vendor": "standin", "options": {"audio_ms": 40}}

    async def main() -> None:
        providers = await build(plan([{"language": "es", "tts": [own]}, {"language": "de"}]))
        assert isinstance(providers.tts, LanguageVoices)
        lengths = []
        for language in ("es", "de"):
            heard = [chunk async for chunk in providers.tts.stream(once("Hola."), language)]
            lengths.append(sum(len(chunk.audio) for chunk in heard) // 8)
        assert lengths == [40, 2_500]

    run(main())


def test_a_plan_of_one_language_has_a_plain_chain() -> None:
    assert isinstance(run(build(plan([]))).tts, TextToSpeechChain)
    assert isinstance(run(build(plan([{"language": "es"}]))).tts, TextToSpeechChain)


def test_recognizers_are_made_to_hear_all_languages_where_they_can() -> None:
    soniox = {"provider": "soniox", "options": {"api_key": "k"}}
    several = run(build(plan([{"language": "es"}], soniox))).stt
    alone = run(build(plan([], soniox))).stt
    assert isinstance(several, SpeechToTextChain) and isinstance(alone, SpeechToTextChain)
    assert (several.multilingual, alone.multilingual) == ({0}, set())


def test_a_language_without_a_voice_that_can_be_made_is_refused() -> None:
    with pytest.raises(PlanError, match=r"languages\[0\]\.tts\[0\]\.provider: 'acme' is unknown"):
        run(build(plan([{"language": "es", "tts": [{"provider": "acme"}]}])))
