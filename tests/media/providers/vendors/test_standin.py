"""The stand-in providers: delays exact to the millisecond, and streaming as vendors do it."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.cleanup import close_stream
from media.providers.ports import (
    ChatRequest,
    Message,
    ProviderError,
    RecognizedText,
    SpeechChunk,
    SpeechToTextEvent,
    SpeechToTextFailed,
    TextDelta,
    TokenUsage,
)
from tests.media.providers.virtual import now, run
from vendors.standin.facts import StandinLanguageModelOptions, StandinSpeechToTextOptions, StandinTextToSpeechOptions
from vendors.standin.media import StandinLanguageModel, StandinSpeechToText, StandinTextToSpeech, make_speech_pattern

REQUEST = ChatRequest("", [Message("user", "Hello")])
PATTERN = make_speech_pattern()
TEXT = "Thank you for calling, I can certainly help you with that today."


async def text_stream(*pieces: str | float) -> AsyncIterator[str]:
    for piece in pieces:
        if isinstance(piece, float):
            await asyncio.sleep(piece)
        else:
            yield piece


def test_the_final_text_comes_after_its_delay_if_the_caller_spoke() -> None:
    async def main() -> None:
        events: list[tuple[float, SpeechToTextEvent]] = []
        session = await StandinSpeechToText("standin", StandinSpeechToTextOptions(final_ms=100, text="hello")).open(
            "en", lambda event: events.append((now(), event))
        )
        session.push(bytes(160))
        session.finalize(1)
        await asyncio.sleep(1.0)
        session.started()
        session.finalize(2)
        await asyncio.sleep(0.05)
        session.finalize(3)  # makes the one before stale
        await asyncio.sleep(1.0)
        session.next_turn()
        session.finalize(4)
        await asyncio.sleep(1.0)
        session.started()
        session.finalize(5)
        session.next_turn()  # stale
        session.finalize(6)
        await session.close()
        await asyncio.sleep(1.0)
        assert [(round(at, 6), event) for at, event in events] == [
            (0.1, RecognizedText("", True, 1)),
            (1.15, RecognizedText("hello", True, 3)),
            (2.15, RecognizedText("", True, 4)),
        ]

    run(main())


def test_language_model_keeps_its_schedule() -> None:
    async def main() -> None:
        model = StandinLanguageModel("standin", StandinLanguageModelOptions(first_token_ms=200, token_ms=10, text=TEXT))
        items = [(round(now() * 1000), event) async for event in model.stream(REQUEST)]
        words = [event.text for _, event in items if isinstance(event, TextDelta)]
        assert "".join(words) == TEXT
        assert words[0] == "Thank "
        assert [at for at, _ in items[:-1]] == [200 + 10 * index for index in range(len(TEXT.split()))]
        assert isinstance(items[-1][1], TokenUsage)

    run(main())


def test_the_voice_keeps_its_schedule() -> None:
    async def main() -> None:
        voice = StandinTextToSpeech(
            "standin", StandinTextToSpeechOptions(first_byte_ms=80, audio_ms=2500, chunk_ms=200), PATTERN
        )
        pieces = (word + " " for word in TEXT.split())
        speech = [(round(now() * 1000), chunk) async for chunk in voice.stream(text_stream(1.0, *pieces), "en")]
        assert [at for at, _ in speech] == [1080 + 50 * index for index in range(13)]
        assert [len(chunk.audio) for _, chunk in speech] == [1600] * 12 + [800]

    run(main())


def test_the_last_piece_waits_for_the_end_of_the_text() -> None:
    async def main() -> None:
        voice = StandinTextToSpeech(
            "standin", StandinTextToSpeechOptions(first_byte_ms=80, audio_ms=400, chunk_ms=200), PATTERN
        )
        speech = [(now(), chunk) async for chunk in voice.stream(text_stream("Hel", "lo ", 5.0, "there."), "en")]
        assert [at for at, _ in speech] == [pytest.approx(0.08), pytest.approx(5.0)]
        assert [word.text for _, chunk in speech for word in chunk.words] == ["Hello", "there."]

    run(main())


@settings(max_examples=40)
@given(
    st.lists(st.one_of(st.sampled_from(["a ", "word", " ", "longer, ", "x"]), st.floats(0.0, 0.4)), max_size=12),
    st.integers(20, 3000),
    st.integers(20, 700),
)
def test_every_word_is_timed_once_in_order_and_within_the_audio(
    pieces: list[str | float], audio_ms: int, chunk_ms: int
) -> None:
    async def main() -> list[SpeechChunk]:
        voice = StandinTextToSpeech(
            "standin", StandinTextToSpeechOptions(audio_ms=audio_ms, chunk_ms=chunk_ms), PATTERN
        )
        return [chunk async for chunk in voice.stream(text_stream(*pieces), "en")]

    speech = run(main())
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    assert sum(len(chunk.audio) for chunk in speech) == (audio_ms * 8 if text.strip() else 0)
    words = [word for chunk in speech for word in chunk.words]
    assert [word.text for word in words] == text.split()
    edges = [edge for word in words for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert all(edge <= audio_ms + 1e-6 for edge in edges)


def test_an_error_of_the_text_is_raised() -> None:
    async def text() -> AsyncIterator[str]:
        yield "Hello "
        raise ProviderError("model", "cut")

    async def main() -> None:
        with pytest.raises(ProviderError, match="cut"):
            async for _ in StandinTextToSpeech("standin", StandinTextToSpeechOptions(), PATTERN).stream(text(), "en"):
                pass

    run(main())


def test_closing_stops_at_once_and_ends_all_tasks() -> None:
    async def main() -> None:
        stream = StandinTextToSpeech("standin", StandinTextToSpeechOptions(), PATTERN).stream(
            text_stream("Hello ", 60.0), "en"
        )
        await anext(stream)
        await close_stream(stream)
        assert now() == pytest.approx(0.08)

    run(main())


def test_pattern_is_quiet_but_not_silent() -> None:
    assert len(PATTERN) == 16_000
    assert len(set(PATTERN)) > 20
    assert b"\xff" * 8000 not in PATTERN


@pytest.mark.parametrize(
    "options", [StandinSpeechToTextOptions, StandinLanguageModelOptions, StandinTextToSpeechOptions]
)
def test_unknown_options_are_named(options: type[msgspec.Struct]) -> None:
    with pytest.raises(msgspec.ValidationError, match="fnal_ms"):
        msgspec.convert({"fnal_ms": 1}, options)


def test_configured_failures_happen() -> None:
    async def main() -> None:
        with pytest.raises(ProviderError):
            await StandinSpeechToText("standin", StandinSpeechToTextOptions(fail="open")).open("en", print)
        events: list[SpeechToTextEvent] = []
        for fail in ("midway", "silent"):
            session = await StandinSpeechToText(
                "standin", msgspec.convert({"fail": fail}, StandinSpeechToTextOptions)
            ).open("en", events.append)
            session.finalize(1)
            await asyncio.sleep(60.0)
        assert [type(event) for event in events] == [SpeechToTextFailed]
        assert (
            await collect(
                StandinLanguageModel("standin", StandinLanguageModelOptions(text="a b c d", fail="open")).stream(
                    REQUEST
                )
            )
            == []
        )
        assert await collect(
            StandinLanguageModel("standin", StandinLanguageModelOptions(text="a b c d", fail="midway")).stream(REQUEST)
        ) == ["a ", "b "]
        assert (
            await collect(
                StandinLanguageModel("standin", StandinLanguageModelOptions(text="a b c d", fail="silent")).stream(
                    REQUEST
                )
            )
            == []
        )
        lengths = []
        for fail in ("open", "midway", "silent"):
            options = msgspec.convert({"audio_ms": 1000, "fail": fail}, StandinTextToSpeechOptions)
            lengths.append(
                len(await collect(StandinTextToSpeech("standin", options, PATTERN).stream(text_stream("Hello."), "en")))
            )
        assert lengths == [0, 3, 0]

    run(main())


async def collect(stream: AsyncIterator[object]) -> list[object]:
    """Returns the items that come within a minute and before a ProviderError."""
    items: list[object] = []
    try:
        async with asyncio.timeout(60.0):
            async for item in stream:
                items.append(item.text if isinstance(item, TextDelta) else item)
    except (TimeoutError, ProviderError):
        await close_stream(stream)
    return items
