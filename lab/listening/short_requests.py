"""Family "short_requests": ordinary caller turns of 1 to 10 words, each after a question of the agent."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.listening.clips import SetName
from lab.listening.dictations import QUESTION_MS
from lab.listening.figures import percentile, share
from lab.listening.pauses import response_ms
from lab.listening.sound import PER_MS, Samples, room_noise, to_frames
from lab.listening.virtual_call import CallSetup, ListeningEngines, run_call
from media.turn.backchannels import split_words
from shared.events import CallerSaid

LIST: Final = Path(__file__).parent / "data" / "short_requests" / "requests.json"
# The caller speaks this long after the agent's question, and waits this long for the answer.
THINKING_MS, TAIL_MS = 600, 5_000
# A slower response counts as late.
LATE_MS: Final = 1_000


class ShortRequest(msgspec.Struct, frozen=True):
    """One turn.

    name: of the FLAC file beside the list. kind: what the caller does (answer, confirmation, goodbye, greeting,
    question, request). engine, voice: what spoke the text. question: what the agent has just said.
    """

    name: str
    set: SetName
    kind: str
    engine: str
    voice: str
    question: str
    text: str

    def samples(self) -> Samples:
        """The speech at 8 kHz; the last sample is the true end."""
        samples: Samples = soundfile.read(LIST.with_name(f"{self.name}.flac"), dtype="float32")[0]
        return samples


class ShortRequestCase(msgspec.Struct, frozen=True):
    """One call.

    heard: the text that the call recorded for the caller. errors: wrong, missing and added words of `heard`, of the
    `words` that the caller said. was_cut: the agent was audible between its question and the true end. response_ms:
    from the true end to the first agent audio; None: no answer came.
    """

    name: str
    kind: str
    voice: str
    words: int
    heard: str
    errors: int
    was_cut: bool
    response_ms: float | None


def read_requests(set_name: SetName | None = None) -> list[ShortRequest]:
    """Return the requests of a set, or all."""
    requests = msgspec.json.decode(LIST.read_bytes(), type=list[ShortRequest])
    return [request for request in requests if set_name in (None, request.set)]


def run_short_requests(
    requests: Sequence[ShortRequest], setup: CallSetup, engines: ListeningEngines
) -> Iterator[ShortRequestCase]:
    """Run a call for each request. Raises SpeechModelError."""
    for request in requests:
        yield _case(request, setup, engines)


def _case(request: ShortRequest, setup: CallSetup, engines: ListeningEngines) -> ShortRequestCase:
    samples, lead_ms = request.samples(), QUESTION_MS + THINKING_MS
    end_ms = lead_ms + len(samples) / PER_MS
    sides = room_noise(samples, lead_ms, 1), samples, room_noise(samples, TAIL_MS, 2)
    asking = replace(setup, greeting=request.question, speech_ms=QUESTION_MS)
    outcome = run_call(to_frames(np.concatenate(sides)), asking, engines)
    heard = " ".join(event.text for event in outcome.events if isinstance(event, CallerSaid))
    said = split_words(request.text)
    return ShortRequestCase(
        name=request.name,
        kind=request.kind,
        voice=request.voice,
        words=len(said),
        heard=heard,
        errors=word_errors(said, split_words(heard)),
        was_cut=any(lead_ms < span.start < end_ms for span in outcome.spans),
        response_ms=response_ms(outcome, end_ms),
    )


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Return the fewest replaced, missing and added words that lead from `said` to `heard`."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(said, 1):
        above, row = row, [count]
        for place, other in enumerate(heard, 1):
            row.append(min(above[place] + 1, row[-1] + 1, above[place - 1] + (word != other)))
    return row[-1]


def short_request_table(cases: Sequence[ShortRequestCase]) -> Iterator[str]:
    """Yield the table of response times, late and cut turns and recognition, by kind and for all."""
    if cases:
        yield (
            f"| short requests | cases | response p50, p90, ms | over {LATE_MS:,} ms | none | cut | word errors "
            "| not heard |"
        )
        yield "| --- |" + " --- |" * 7
    for kind in (*sorted({case.kind for case in cases}), "all") if cases else ():
        some = [case for case in cases if kind in (case.kind, "all")]
        times = [case.response_ms for case in some if case.response_ms is not None]
        late = share([case.response_ms is None or case.response_ms > LATE_MS for case in some])
        errors = sum(case.errors for case in some) / sum(case.words for case in some)
        yield (
            f"| {kind} | {len(some)} | {percentile(times, 50):.0f}, {percentile(times, 90):.0f} | {late:.1%} "
            f"| {len(some) - len(times)} | {share([case.was_cut for case in some]):.1%} | {errors:.1%} "
            f"| {sum(not case.heard for case in some)} |"
        )
