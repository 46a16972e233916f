"""The audio of fixed sentences: synthesized once, bounded, and not asked of a dead voice again and again."""

import asyncio

from media.call.phrase_audio import RETRY_S, PhraseAudio, PhraseAudioCache, SentenceKey
from media.providers.ports import SpeechChunk
from shared.plan import ProviderPlan
from tests.media.call.fakes import FakeVoice
from tests.virtual_time import run_virtual

SENTENCES = ("One moment, please.", "Goodbye.")


def call_with(cache: PhraseAudioCache, voice: FakeVoice, *, key: str = "k1", language: str = "en") -> PhraseAudio:
    return PhraseAudio(cache, voice, [ProviderPlan("voice", {"api_key": key})], language, SENTENCES)


async def prepare_all(*calls: PhraseAudio) -> None:
    for _ in range(4):
        for call in calls:
            call.prepare()
        await asyncio.sleep(1)


def test_calls_at_the_same_time_synthesize_each_sentence_once() -> None:
    async def main() -> None:
        cache, voice = PhraseAudioCache(), FakeVoice()
        first, second = call_with(cache, voice), call_with(cache, voice)
        await prepare_all(first, second)
        assert sorted(voice.pieces) == sorted(SENTENCES)
        found = second.find(SENTENCES[0])
        assert found is not None and len(found.words) == 3 and found.audio
        assert first.find("Something else.") is None

    run_virtual(main())


def test_other_options_and_languages_have_their_own_audio_and_no_key_is_kept() -> None:
    async def main() -> None:
        cache, voice = PhraseAudioCache(), FakeVoice()
        await prepare_all(
            call_with(cache, voice), call_with(cache, voice, key="k2"), call_with(cache, voice, language="de")
        )
        assert len(voice.pieces) == 6
        assert "k1" not in repr(cache.__dict__)

    run_virtual(main())


def test_a_voice_that_fails_is_asked_again_only_later() -> None:
    async def main() -> None:
        cache, voice = PhraseAudioCache(), FakeVoice()
        voice.fails_at = 0
        call = call_with(cache, voice)
        await prepare_all(call)
        assert len(voice.pieces) == len(SENTENCES)
        await asyncio.sleep(RETRY_S)
        voice.fails_at = None
        await prepare_all(call)
        assert all(call.find(text) for text in SENTENCES)

    run_virtual(main())


def test_a_call_that_ends_leaves_the_sentence_to_the_next_one() -> None:
    async def main() -> None:
        cache, voice = PhraseAudioCache(), FakeVoice()
        first, second = call_with(cache, voice), call_with(cache, voice)
        first.prepare()
        await asyncio.sleep(0.01)
        await first.close()
        await prepare_all(second)
        assert second.find(SENTENCES[0])

    run_virtual(main())


def test_the_cache_is_bounded() -> None:
    async def main() -> None:
        cache = PhraseAudioCache(most=2)
        keys = [SentenceKey(b"", "en", str(number)) for number in range(3)]
        for key in keys:
            cache.put(key, SpeechChunk(b"\xff"))
            cache.find(keys[0])
        assert [cache.find(key) is not None for key in keys] == [True, False, True]

    run_virtual(main())
