"""The stand-ins keep their delays to the millisecond and otherwise behave like streaming vendors."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.closing import close_stream
from media.providers.ports import (
    Ask,
    HearEvent,
    HearFailed,
    Message,
    ProviderError,
    Spoken,
    TokenUsage,
    Transcript,
    Words,
)
from media.providers.standin import (
    HearOptions,
    SpeakOptions,
    StandinHear,
    StandinSpeak,
    StandinThink,
    ThinkOptions,
    speech_pattern,
)
from tests.media.providers.virtual import now, run

ASK = Ask("", [Message("user", "Hello")])
PATTERN = speech_pattern()
TEXT = "Thank you for calling, I can certainly help you with that today."


async def said(*pieces: str | float) -> AsyncIterator[str]:
    for piece in pieces:
        if isinstance(piece, float):
            await asyncio.sleep(piece)
        else:
            yield piece


def test_the_final_text_comes_after_its_delay_if_the_caller_spoke() -> None:
    async def main() -> None:
        events: list[tuple[float, HearEvent]] = []
        session = await StandinHear(HearOptions(final_ms=100, text="hello")).open(
            "en", lambda event: events.append((now(), event))
        )
        session.push(bytes(160))
        session.finalise(1)
        await asyncio.sleep(1.0)
        session.started()
        session.finalise(2)
        await asyncio.sleep(0.05)
        session.finalise(3)  # makes the one before stale
        await asyncio.sleep(1.0)
        session.next_turn()
        session.finalise(4)
        await asyncio.sleep(1.0)
        session.started()
        session.finalise(5)
        session.next_turn()  # stale
        session.finalise(6)
        await session.close()
        await asyncio.sleep(1.0)
        assert [(round(at, 6), event) for at, event in events] == [
            (0.1, Transcript("", True, 1)),
            (1.15, Transcript("hello", True, 3)),
            (2.15, Transcript("", True, 4)),
        ]

    run(main())


def test_the_model_keeps_its_schedule() -> None:
    async def main() -> None:
        model = StandinThink(ThinkOptions(first_token_ms=200, token_ms=10, text=TEXT))
        came = [(round(now() * 1000), event) async for event in model.stream(ASK)]
        words = [event.text for _, event in came if isinstance(event, Words)]
        assert "".join(words) == TEXT
        assert words[0] == "Thank "
        assert [at for at, _ in came[:-1]] == [200 + 10 * index for index in range(len(TEXT.split()))]
        assert isinstance(came[-1][1], TokenUsage)

    run(main())


def test_the_voice_keeps_its_schedule() -> None:
    async def main() -> None:
        voice = StandinSpeak(SpeakOptions(first_byte_ms=80, audio_ms=2500, chunk_ms=200), PATTERN)
        pieces = (word + " " for word in TEXT.split())
        speech = [(round(now() * 1000), spoken) async for spoken in voice.stream(said(1.0, *pieces), "en")]
        assert [at for at, _ in speech] == [1080 + 50 * index for index in range(13)]
        assert [len(spoken.audio) for _, spoken in speech] == [1600] * 12 + [800]

    run(main())


def test_the_last_piece_waits_for_the_end_of_the_text() -> None:
    async def main() -> None:
        voice = StandinSpeak(SpeakOptions(first_byte_ms=80, audio_ms=400, chunk_ms=200), PATTERN)
        speech = [(now(), spoken) async for spoken in voice.stream(said("Hel", "lo ", 5.0, "there."), "en")]
        assert [at for at, _ in speech] == [pytest.approx(0.08), pytest.approx(5.0)]
        assert [word.text for _, spoken in speech for word in spoken.words] == ["Hello", "there."]

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
    async def main() -> list[Spoken]:
        voice = StandinSpeak(SpeakOptions(audio_ms=audio_ms, chunk_ms=chunk_ms), PATTERN)
        return [spoken async for spoken in voice.stream(said(*pieces), "en")]

    speech = run(main())
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    assert sum(len(spoken.audio) for spoken in speech) == (audio_ms * 8 if text.strip() else 0)
    words = [word for spoken in speech for word in spoken.words]
    assert [word.text for word in words] == text.split()
    edges = [edge for word in words for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert all(edge <= audio_ms + 1e-6 for edge in edges)


def test_an_error_of_the_text_comes_through() -> None:
    async def text() -> AsyncIterator[str]:
        yield "Hello "
        raise ProviderError("model", "cut")

    async def main() -> None:
        with pytest.raises(ProviderError, match="cut"):
            async for _ in StandinSpeak(SpeakOptions(), PATTERN).stream(text(), "en"):
                pass

    run(main())


def test_closing_stops_at_once_and_leaves_no_task() -> None:
    async def main() -> None:
        stream = StandinSpeak(SpeakOptions(), PATTERN).stream(said("Hello ", 60.0), "en")
        await anext(stream)
        await close_stream(stream)
        assert now() == pytest.approx(0.08)

    run(main())


def test_the_pattern_is_quiet_but_no_silence() -> None:
    assert len(PATTERN) == 16_000
    assert len(set(PATTERN)) > 20
    assert b"\xff" * 8000 not in PATTERN


@pytest.mark.parametrize("options", [HearOptions, ThinkOptions, SpeakOptions])
def test_unknown_options_are_named(options: type[msgspec.Struct]) -> None:
    with pytest.raises(msgspec.ValidationError, match="fnal_ms"):
        msgspec.convert({"fnal_ms": 1}, options)


def test_told_to_fail_they_fail() -> None:
    async def main() -> None:
        with pytest.raises(ProviderError):
            await StandinHear(HearOptions(fail="open")).open("en", print)
        events: list[HearEvent] = []
        for fail in ("midway", "silent"):
            session = await StandinHear(msgspec.convert({"fail": fail}, HearOptions)).open("en", events.append)
            session.finalise(1)
            await asyncio.sleep(60.0)
        assert [type(event) for event in events] == [HearFailed]
        assert await collect(StandinThink(ThinkOptions(text="a b c d", fail="open")).stream(ASK)) == []
        assert await collect(StandinThink(ThinkOptions(text="a b c d", fail="midway")).stream(ASK)) == ["a ", "b "]
        assert await collect(StandinThink(ThinkOptions(text="a b c d", fail="silent")).stream(ASK)) == []
        lengths = []
        for fail in ("open", "midway", "silent"):
            options = msgspec.convert({"audio_ms": 1000, "fail": fail}, SpeakOptions)
            lengths.append(len(await collect(StandinSpeak(options, PATTERN).stream(said("Hello."), "en"))))
        assert lengths == [0, 3, 0]

    run(main())


async def collect(stream: AsyncIterator[object]) -> list[object]:
    """What comes within a minute and before a ProviderError."""
    came: list[object] = []
    try:
        async with asyncio.timeout(60.0):
            async for item in stream:
                came.append(item.text if isinstance(item, Words) else item)
    except (TimeoutError, ProviderError):
        await close_stream(stream)
    return came
