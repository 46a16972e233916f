"""Executes the TwiML documents of a call, verb by verb (docs: voice/twiml)."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urljoin

from simulator.carrier.mulaw import RATE, SILENCE
from simulator.carrier.network.conferences import Conferences
from simulator.carrier.network.line import Line
from simulator.carrier.network.twilio.media_streams import TwilioMediaStreams
from simulator.carrier.network.twilio.model import DocumentSource, StatusCallback, TwilioCall
from simulator.carrier.network.twilio.recorder import Recorder
from simulator.carrier.network.twilio.twiml import (
    ConferenceVerb,
    ConnectStreamVerb,
    DialVerb,
    GatherVerb,
    HangupVerb,
    PauseVerb,
    PlayVerb,
    RedirectVerb,
    RejectVerb,
    SayVerb,
    StartRecordingVerb,
    TwimlDocument,
    UnknownVerb,
    Verb,
)
from simulator.carrier.network.twilio.voices import can_speak
from simulator.carrier.network.twilio.webhooks import DocumentUnavailable, TwilioWebhooks

T = TypeVar("T")
DialFunction = Callable[
    [TwilioCall, DialVerb, Callable[[], Awaitable[Line]]], Coroutine[Any, Any, tuple[tuple[str, str], ...]]
]

_LETTERS_PER_S = 15.0
_PLAYED_S = 2.0
_MAX_DOCUMENTS = 1_000
# Docs: api/errors/13511.
_BAD_VOICE = 13511
_APPLICATION_ERROR = "We are sorry, an application error has occurred. Goodbye."


class CallInterrupted(Exception):
    """The call was ended or redirected during an operation."""


async def run_unless_interrupted(call: TwilioCall, operation: Coroutine[Any, Any, T]) -> T:
    """Await `operation`. If the call is ended or redirected first, cancel it and raise CallInterrupted."""
    work = asyncio.ensure_future(operation)
    stop = asyncio.ensure_future(call.stop.wait())
    try:
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise CallInterrupted
    finally:
        stop.cancel()
        work.cancel()


class CallRejected(Exception):
    """The document rejected the call before the answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TwimlExecutor:
    """Executes the documents of a call.

    Args:
        answer: Answers the call, or returns its line if it is already answered.
    """

    def __init__(
        self,
        call: TwilioCall,
        webhooks: TwilioWebhooks,
        media: TwilioMediaStreams,
        recorder: Recorder,
        dial: DialFunction,
        answer: Callable[[], Awaitable[Line]],
        conferences: Conferences,
    ) -> None:
        self._conferences = conferences
        self._call, self._webhooks, self._media, self._recorder = call, webhooks, media, recorder
        self._dial, self._answer = dial, answer

    async def run(self, source: DocumentSource) -> None:
        """Execute documents until the last verb or the end of the line. Raises CallRejected, and errors of `answer`."""
        following: DocumentSource | None = source
        for _ in range(_MAX_DOCUMENTS):
            if following is None:
                return
            try:
                following = await self._execute_document(following)
            except CallInterrupted:
                following = None
            if self._call.cancelled is not None or (self._call.line is not None and self._call.line.over.is_set()):
                return
            if self._call.redirect is not None:
                following, self._call.redirect = self._call.redirect, None
                self._call.stop.clear()

    async def _execute_document(self, source: DocumentSource) -> DocumentSource | None:
        try:
            document = await run_unless_interrupted(self._call, self._webhooks.fetch(self._call, source))
        except DocumentUnavailable:
            await self._speak(SayVerb(_APPLICATION_ERROR, 1))
            return None
        for verb in document.verbs:
            if self._call.stop.is_set():
                raise CallInterrupted
            following = await self._execute_verb(verb, document)
            if self._call.stop.is_set():
                raise CallInterrupted
            if following is not None or isinstance(verb, HangupVerb):
                return following
        return None

    async def _execute_verb(self, verb: Verb, document: TwimlDocument) -> DocumentSource | None:
        """Execute a verb. Returns the source of the next document; None continues with the next verb."""
        match verb:
            case RedirectVerb():
                return DocumentSource(urljoin(document.base, verb.url), verb.method)
            case RejectVerb() if self._call.line is None:
                raise CallRejected(verb.reason)
            case UnknownVerb(tag):
                self._call.write_log("warning", tag, 12200)
            case PauseVerb(length_s):
                await (await self._answer()).wait(length_s)
            case PlayVerb():
                self._call.write_log("play", verb.url)
                await (await self._answer()).wait(_PLAYED_S * max(1, verb.loop))
            case SayVerb():
                await self._speak(verb)
            case StartRecordingVerb():
                await self._start_recording(verb)
            case ConnectStreamVerb():
                await self._media.connect(self._call, await self._answer(), verb, document.base)
                return self._action_source(verb.action, verb.method, document)
            case ConferenceVerb():
                return await self._join(verb, document)
            case GatherVerb():
                return await self._gather(verb, document)
            case DialVerb():
                return await self._execute_dial(verb, document)
            case HangupVerb():
                await self._answer()
        return None

    async def _start_recording(self, verb: StartRecordingVerb) -> None:
        """Start a recording. Its source is that of a REST recording, because Twilio documents no separate one."""
        await self._answer()
        callback = StatusCallback(verb.callback, verb.callback_method, tuple(verb.callback_events.split()))
        self._recorder.start(self._call, "StartCallRecordingAPI", dual=verb.dual, callback=callback)

    async def _execute_dial(self, verb: DialVerb, document: TwimlDocument) -> DocumentSource | None:
        if not verb.answer_on_bridge:
            await self._answer()
        fields = await run_unless_interrupted(self._call, self._dial(self._call, verb, self._answer))
        return self._action_source(verb.action, verb.method, document, fields)

    async def _join(self, verb: ConferenceVerb, document: TwimlDocument) -> DocumentSource | None:
        """Join a conference. When a participant leaves, the other leaves too, because this network ends a conference of
        one.
        """
        line = await self._answer()
        self._call.write_log("conference", verb.name)
        conference = self._conferences.open(verb.name)
        try:
            async with asyncio.timeout(verb.time_limit_s):
                await run_unless_interrupted(self._call, conference.join(line))
        except TimeoutError:
            pass
        return self._action_source(verb.action, verb.method, document, (("DialCallStatus", "answered"),))

    async def _gather(self, verb: GatherVerb, document: TwimlDocument) -> DocumentSource | None:
        """Take keys and words during and after a silence as long as the prompts."""
        line = await self._answer()
        silent_s = sum(max(0.5, len(prompt.text) / _LETTERS_PER_S) for prompt in verb.prompts)
        for prompt in verb.prompts:
            self._call.write_log("say", prompt.text)
        silence, takes_words = SILENCE * round(silent_s * RATE), "speech" in verb.takes
        keys, words = await line.gather_input(silence, verb.timeout_s, verb.most, takes_words=takes_words)
        if not keys and not words and not verb.empty_too:
            return None
        heard = (("SpeechResult", words), ("Confidence", "0.9")) if words else (("Digits", keys),)
        return self._action_source(verb.action, verb.method, document, heard)

    async def _speak(self, verb: SayVerb) -> None:
        """Wait in silence as long as the text would take, because this network has no voice."""
        line = await self._answer()
        if not can_speak(verb.voice, verb.language):
            return self._call.write_log("warning", f"{verb.voice} {verb.language}", _BAD_VOICE)
        rounds = verb.loop or _MAX_DOCUMENTS
        for _ in range(rounds):
            if self._call.stop.is_set() or line.over.is_set():
                return
            self._call.write_log("say", verb.text)
            await line.wait(max(0.5, len(verb.text) / _LETTERS_PER_S))

    def _action_source(
        self, action: str, method: str, document: TwimlDocument, fields: tuple[tuple[str, str], ...] = ()
    ) -> DocumentSource | None:
        line = self._call.line
        if not action or (line is not None and line.over.is_set()):
            return None
        return DocumentSource(urljoin(document.base, action), method, fields=fields)
