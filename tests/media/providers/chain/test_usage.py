"""What chains report is what their providers were used for, whatever fails, stalls or is interrupted."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from media.providers.chain.llm import LanguageModelChain
from media.providers.chain.stt import SpeechToTextChain
from media.providers.chain.tts import TextToSpeechChain
from media.providers.cleanup import close_stream
from media.providers.ports import (
    ChatRequest,
    LanguageModelEvent,
    Message,
    ProviderError,
    ProviderKind,
    ProviderSlow,
    RecognizedText,
    SpeechChunk,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
    TextDelta,
    TokenUsage,
    ToolCall,
)
from media.providers.usage import UsageMeter
from shared.events import UsageRecorded
from shared.providers.chat import estimate_tokens
from tests.media.providers.fakes import FakeSpeechToText, FakeSpeechToTextSession, FakeTextToSpeech, Step
from tests.media.providers.virtual import run

REQUEST = ChatRequest("You are a receptionist.", [Message("user", "When are you open?")])
NAMES = ("a", "b", "c")
BROKEN = ProviderError("x", "broken")


@dataclass
class Meters:
    """The meters of a chain, and what they reported."""

    kind: ProviderKind
    events: list[UsageRecorded] = field(default_factory=list)

    def each(self, count: int) -> list[UsageMeter]:
        return [UsageMeter(self.kind, name, self.events.append, vendor="v", model="m") for name in NAMES[:count]]

    def sums(self, provider: str) -> Counter[tuple[str, bool]]:
        """What was reported of a provider, by unit and by whether it was estimated."""
        found: Counter[tuple[str, bool]] = Counter()
        for event in self.events:
            if event.provider == provider:
                found[event.unit, event.estimated] += event.quantity
        return found


async def use(stream: AsyncIterator[object], stop_after: int, stop_s: float) -> None:
    """Reads a stream until it ends or fails, or closes it after some items, or cancels it after some seconds."""
    with suppress(ProviderError, TimeoutError):
        async with asyncio.timeout(stop_s):
            while stop_after > 0 and await anext(stream, None) is not None:
                stop_after -= 1
    await close_stream(stream)


stops = st.tuples(st.integers(0, 12), st.floats(0, 20))
pauses = st.sampled_from([0.0, 0.1, 1.9, 2.1, 3.9, 4.1])
failures = st.sampled_from([BROKEN, ProviderSlow("x", "slow"), ProviderSlow("x", "no connection", may_bill=False)])


# --- language models ---


class MeteredModel:
    """Plays a script for each request, and keeps the bill that its vendor would write."""

    def __init__(self, name: str, scripts: Sequence[Sequence[Step]]) -> None:
        self.name = name
        self.bill: Counter[tuple[str, bool]] = Counter()
        self._scripts = list(scripts)

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        sent: list[LanguageModelEvent] = []
        error: ProviderError | None = None
        try:
            for step in self._scripts.pop(0) if self._scripts else []:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, ProviderError):
                    error = step
                    raise step
                elif isinstance(step, TextDelta | ToolCall | TokenUsage):
                    sent.append(step)
                    yield step
        finally:
            self._charge(request, sent, error)

    def _charge(self, request: ChatRequest, sent: list[LanguageModelEvent], error: ProviderError | None) -> None:
        reports = [event for event in sent if isinstance(event, TokenUsage)]
        texts = [event.text for event in sent if isinstance(event, TextDelta)]
        calls = [event.name + event.arguments for event in sent if isinstance(event, ToolCall)]
        may_bill = error is None or (isinstance(error, ProviderSlow) and error.may_bill)
        if not reports and (texts or calls or may_bill):
            reports = [estimate_tokens(request, "".join(texts + calls))]
        for report in reports:
            self.bill["prompt_tokens", report.estimated] += report.prompt
            self.bill["cached_tokens", report.estimated] += report.cached
            self.bill["completion_tokens", report.estimated] += report.completion


said = st.builds(TextDelta, st.sampled_from(["", " ", "We ", "are open.", "from nine"]))
called = st.just(ToolCall("1", "end_call", "{}"))
counted = st.builds(TokenUsage, st.integers(0, 9), st.integers(0, 9), cached=st.integers(0, 9))
model_scripts = st.lists(
    st.lists(st.one_of(said, said, pauses, pauses, called, counted, failures), max_size=8), max_size=3
)


@given(st.lists(model_scripts, min_size=1, max_size=3), st.lists(stops, min_size=1, max_size=3))
def test_reported_tokens_are_those_of_each_model(
    scripts: list[list[list[Step]]], requests: list[tuple[int, float]]
) -> None:
    models = [MeteredModel(name, script) for name, script in zip(NAMES, scripts, strict=False)]
    meters = Meters("llm")
    chain = LanguageModelChain(models, lambda failed: None, meters=meters.each(len(models)))

    async def main() -> None:
        for stop in requests:
            await use(chain.stream(REQUEST), *stop)

    run(main())
    assert {model.name: meters.sums(model.name) for model in models} == {model.name: +model.bill for model in models}


# --- voices ---


class EagerVoice(FakeTextToSpeech):
    """Reads its text in a task of its own while it plays its script, as voices behind a socket do, and until it is
    closed, which takes a moment."""

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        self.texts.append("")
        reader = asyncio.create_task(self._read(text))
        try:
            for step in self._steps:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, ProviderError):
                    raise step
                elif isinstance(step, SpeechChunk):
                    yield step
            await reader
        finally:
            await asyncio.sleep(0.2)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self, text: AsyncIterator[str]) -> None:
        async for piece in text:
            self.texts[-1] += piece


audio = st.builds(SpeechChunk, st.sampled_from([b"", bytes(800), bytes(8_000)]))
voice_steps = st.lists(st.one_of(audio, audio, pauses, failures), max_size=6)
pieces = st.lists(st.one_of(st.sampled_from(["", "We ", "are open ", "from nine, ", "to five."]), pauses), max_size=8)


@st.composite
def voices(draw: st.DrawFn) -> list[FakeTextToSpeech]:
    def voice(name: str) -> FakeTextToSpeech:
        kind = draw(st.sampled_from([FakeTextToSpeech, EagerVoice]))
        reads = draw(st.none() | st.integers(0, 4))
        return kind(name, *draw(voice_steps), reads=reads, times_words=False, streams_text=draw(st.booleans()))

    return [voice(name) for name in NAMES[: draw(st.integers(1, 3))]]


@given(voices(), pieces, st.lists(stops, min_size=1, max_size=2))
def test_reported_characters_are_those_that_each_voice_read(
    used: list[FakeTextToSpeech], text: list[str | float], speeches: list[tuple[int, float]]
) -> None:
    meters = Meters("tts")
    chain = TextToSpeechChain(used, lambda failed: None, meters=meters.each(len(used)))

    async def source() -> AsyncIterator[str]:
        for piece in text:
            if isinstance(piece, str):
                yield piece
            else:
                await asyncio.sleep(piece)

    async def main() -> None:
        for stop in speeches:
            await use(chain.stream(source(), "en"), *stop)

    run(main())
    read = {voice.name: Counter({("characters", False): sum(map(len, voice.texts))}) for voice in used}
    assert {voice.name: meters.sums(voice.name) for voice in used} == {name: +sums for name, sums in read.items()}


# --- recognizers ---


@dataclass
class _FragileSession(FakeSpeechToTextSession):
    """A session that fails while it takes a certain piece of audio."""

    fails_at: int = -1

    def push(self, ulaw: bytes) -> None:
        super().push(ulaw)
        if len(self.log) == self.fails_at:
            self.sink(SpeechToTextFailed(BROKEN))


class FragileRecognizer(FakeSpeechToText):
    """Opens sessions that fail at these lengths of their logs, then healthy ones."""

    def __init__(self, name: str, errors: list[ProviderError], delay: float, fails_at: list[int]) -> None:
        super().__init__(name, *errors, delay=delay)
        self._fails_at = fails_at

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        await super().open(language, sink)
        session = _FragileSession(sink, fails_at=self._fails_at.pop(0) if self._fails_at else -1)
        self.sessions[-1] = session
        return session


recognizers = st.tuples(
    st.lists(st.just(BROKEN), max_size=2),
    st.sampled_from([0.0, 0.5, 2.9, 3.1]),
    st.lists(st.integers(1, 9), max_size=3),
)
# An integer: seconds of audio, in real time; "late": one more, frame by frame, at once.
caller_steps = st.lists(
    st.one_of(st.integers(1, 30), st.sampled_from(["started", "finalize", "final", "next_turn", "failed", "late"])),
    max_size=14,
)


@given(st.lists(recognizers, min_size=1, max_size=3), caller_steps)
def test_reported_audio_is_what_each_recognizer_was_sent(
    specs: list[tuple[list[ProviderError], float, list[int]]], steps: list[int | str]
) -> None:
    used = [FragileRecognizer(name, *spec) for name, spec in zip(NAMES, specs, strict=False)]
    meters = Meters("stt")
    chain = SpeechToTextChain(used, lambda failed: None, meters=meters.each(len(used)))

    async def main() -> None:
        session = await chain.open("en", lambda event: None)
        for token, step in enumerate(steps):
            await _caller_step(session, used, step, token)
        await session.close()

    with suppress(ProviderError):
        run(main())
    sent = {one.name: sum(len(session.audio) // 8 for session in one.sessions) for one in used}
    assert {one.name: meters.sums(one.name)["ms", False] for one in used} == sent


async def _caller_step(
    session: SpeechToTextSession, used: Sequence[FragileRecognizer], step: int | str, token: int
) -> None:
    opened = [one.sessions[-1] for one in used if one.sessions and not one.sessions[-1].closed]
    match step:
        case int():
            for _ in range(step):
                session.push(bytes(8_000))
                await asyncio.sleep(1)
        case "late":
            for _ in range(50):
                session.push(bytes(160))
        case "started":
            session.started()
        case "next_turn":
            session.next_turn()
        case "finalize":
            session.finalize(token)
        case "final" if opened:
            asked = [item for item in opened[-1].log if isinstance(item, int)]
            opened[-1].sink(RecognizedText("yes", final=True, token=asked[-1] if asked else None))
        case "failed" if opened:
            opened[-1].sink(SpeechToTextFailed(BROKEN))
