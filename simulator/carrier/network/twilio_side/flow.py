"""A call through its documents: verb after verb on the line, until nothing is left or somebody ends it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urljoin

from simulator.carrier.network.line import Line
from simulator.carrier.network.twilio_side.media import Media
from simulator.carrier.network.twilio_side.model import Call, Source
from simulator.carrier.network.twilio_side.twiml import (
    Dial,
    Document,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Stream,
    Unknown,
    Verb,
)
from simulator.carrier.network.twilio_side.webhooks import NoDocument, Webhooks

T = TypeVar("T")
Dialled = Callable[[Call, Dial, Callable[[], Awaitable[Line]]], Coroutine[Any, Any, tuple[tuple[str, str], ...]]]

_LETTERS_PER_S = 15.0
_PLAYED_S = 2.0
_MOST_DOCUMENTS = 1_000
_SORRY = "We are sorry, an application error has occurred. Goodbye."


class Stopped(Exception):
    """The call was ended or redirected while something else was under way."""


async def unless_stopped(call: Call, doing: Coroutine[Any, Any, T]) -> T:
    """What `doing` gives. Raises Stopped, with `doing` cancelled, when the call is ended or redirected before."""
    work = asyncio.ensure_future(doing)
    stop = asyncio.ensure_future(call.stop.wait())
    try:
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise Stopped
    finally:
        stop.cancel()
        work.cancel()


class Refused(Exception):
    """The document declined the call before it was answered."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Flow:
    """One call's way. answer: takes the phone off the hook, or gives the line that is open already."""

    def __init__(
        self, call: Call, webhooks: Webhooks, media: Media, dial: Dialled, answer: Callable[[], Awaitable[Line]]
    ) -> None:
        self._call, self._webhooks, self._media, self._dial, self._answer = call, webhooks, media, dial, answer

    async def run(self, source: Source) -> None:
        """To the last verb, or until the line is over. Raises Refused, and what `answer` raises."""
        following: Source | None = source
        for _ in range(_MOST_DOCUMENTS):
            if following is None:
                return
            try:
                following = await self._through(following)
            except Stopped:
                following = None
            if self._call.cancelled is not None or (self._call.line is not None and self._call.line.over.is_set()):
                return
            if self._call.redirect is not None:
                following, self._call.redirect = self._call.redirect, None
                self._call.stop.clear()

    async def _through(self, source: Source) -> Source | None:
        try:
            document = await unless_stopped(self._call, self._webhooks.fetch(self._call, source))
        except NoDocument:
            await self._speak(Say(_SORRY, 1))
            return None
        for verb in document.verbs:
            if self._call.stop.is_set():
                raise Stopped
            following = await self._do(verb, document)
            if self._call.stop.is_set():
                raise Stopped
            if following is not None or isinstance(verb, Hangup):
                return following
        return None

    async def _do(self, verb: Verb, document: Document) -> Source | None:
        """Carries one verb out; gives the document that it goes on with, None for the next verb."""
        match verb:
            case Redirect():
                return Source(urljoin(document.base, verb.url), verb.method)
            case Reject() if self._call.line is None:
                raise Refused(verb.reason)
            case Unknown(tag):
                self._call.note("warning", tag, 12200)
            case Pause(length_s):
                await (await self._answer()).wait(length_s)
            case Play():
                self._call.note("play", verb.url)
                await (await self._answer()).wait(_PLAYED_S * max(1, verb.loop))
            case Say():
                await self._speak(verb)
            case Stream():
                await self._media.connect(self._call, await self._answer(), verb, document.base)
                return self._after(verb.action, verb.method, document)
            case Dial():
                return await self._dialled(verb, document)
            case Hangup():
                await self._answer()
        return None

    async def _dialled(self, verb: Dial, document: Document) -> Source | None:
        if not verb.answer_on_bridge:
            await self._answer()
        fields = await unless_stopped(self._call, self._dial(self._call, verb, self._answer))
        return self._after(verb.action, verb.method, document, fields)

    async def _speak(self, verb: Say) -> None:
        """Without a voice a text is silence that lasts as long."""
        line = await self._answer()
        rounds = verb.loop or _MOST_DOCUMENTS
        for _ in range(rounds):
            if self._call.stop.is_set() or line.over.is_set():
                return
            self._call.note("say", verb.text)
            await line.wait(max(0.5, len(verb.text) / _LETTERS_PER_S))

    def _after(
        self, action: str, method: str, document: Document, fields: tuple[tuple[str, str], ...] = ()
    ) -> Source | None:
        line = self._call.line
        if not action or (line is not None and line.over.is_set()):
            return None
        return Source(urljoin(document.base, action), method, fields=fields)
