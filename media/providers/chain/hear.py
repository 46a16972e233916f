"""Fallback between recognisers: what the caller said and nobody transcribed is played again to the next one."""

import asyncio
from collections.abc import Sequence

from media.providers.chain.deadlines import Deadlines
from media.providers.chain.roster import OnFailed, Roster, Walk
from media.providers.chain.tape import Tape
from media.providers.closing import bounded
from media.providers.ports import (
    Hear,
    HearEvent,
    HearFailed,
    HearSession,
    HearSink,
    ProviderError,
    ProviderSlow,
    Transcript,
)


class HearChain:
    """Hear over a list of recognisers, first choice first."""

    def __init__(self, recognisers: Sequence[Hear], on_failed: OnFailed, deadlines: Deadlines | None = None) -> None:
        self._deadlines = deadlines or Deadlines()
        self._roster: Roster[Hear] = Roster("stt", recognisers, on_failed, self._deadlines.rest_s)
        self.name = recognisers[0].name

    async def open(self, language: str, sink: HearSink) -> HearSession:
        """Opens the first recogniser that can be reached. Raises the last ProviderError when none can."""
        session = _Session(self._roster, language, sink, self._deadlines)
        await session.open(self._roster.walk())
        session.worked()
        return session


class _Tap:
    """Listens to one recogniser's session; deaf as soon as another one took over."""

    def __init__(self, session: "_Session") -> None:
        self._session = session
        self.error: ProviderError | None = None

    def __call__(self, event: HearEvent) -> None:
        if isinstance(event, HearFailed):
            self.error = event.error
        self._session.heard(self, event)


class _Session:
    """One caller's ear. Each recogniser is tried at most once between two final texts."""

    def __init__(self, roster: Roster[Hear], language: str, sink: HearSink, deadlines: Deadlines) -> None:
        self._roster = roster
        self._language = language
        self._sink = sink
        self._deadlines = deadlines
        self._loop = asyncio.get_running_loop()
        self._tape = Tape()
        self._tap: _Tap | None = None
        self._walk: Walk[Hear] | None = None
        self._session: HearSession | None = None  # None while another recogniser is being opened
        self._switching: asyncio.Task[None] | None = None
        self._before = ""  # this turn's text from recognisers that have failed since
        self._settled = ""  # this turn's text up to where the tape begins
        self._asked: tuple[int, int] | None = None  # token and position of the finalise that is not answered yet
        self._deadline: asyncio.TimerHandle | None = None

    async def open(self, walk: Walk[Hear]) -> None:
        """Opens the walk's next recogniser that can be reached. Raises ProviderError when none is left."""
        self._walk = walk
        while True:
            tap = self._tap = _Tap(self)
            try:
                session = await self._reach(walk.current, tap)
                break
            except ProviderError as error:
                walk.failed(error)
        self._session = session
        self._replay(session)

    def worked(self) -> None:
        """The recogniser in use did its work: should it fail, every one may be tried once more."""
        if self._walk:
            self._walk.worked()
            self._walk = self._roster.walk(self._walk.index)

    def push(self, ulaw: bytes) -> None:
        self._tape.push(ulaw)
        if self._session is not None:
            self._session.push(ulaw)

    def started(self) -> None:
        self._tape.started()
        if self._session is not None:
            self._session.started()

    def finalise(self, token: int) -> None:
        self._answered()
        self._asked = token, self._tape.end
        if self._session is not None:
            self._session.finalise(token)
            self._wait()

    def next_turn(self) -> None:
        if self._asked:
            self._tape.settle(self._asked[1])
        self._answered()
        self._before = self._settled = ""
        if self._session is not None:
            self._session.next_turn()

    async def close(self) -> None:
        self._tap = None
        self._answered()
        if self._switching is not None:
            self._switching.cancel()
            await asyncio.gather(self._switching, return_exceptions=True)
        session, self._session = self._session, None
        if session is not None:
            await bounded(session.close())

    def heard(self, tap: _Tap, event: HearEvent) -> None:
        """An event of a recogniser; those of one that was left don't count, nor of one that is only being opened."""
        if tap is not self._tap or self._session is None:
            return
        if isinstance(event, HearFailed):
            self._switch(event.error)
            return
        text = f"{self._before} {event.text}".strip() if self._before else event.text
        if event.final and self._asked and event.token == self._asked[0]:
            self._settle(text, self._asked[1])
        self._sink(Transcript(text, event.final, event.token))

    def _settle(self, text: str, position: int) -> None:
        self._answered()
        self._settled = text
        self._tape.settle(position)
        self.worked()

    def _answered(self) -> None:
        self._asked = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _wait(self) -> None:
        self._deadline = self._loop.call_later(self._deadlines.transcript_s, self._too_slow)

    def _too_slow(self) -> None:
        """Slow counts as down, but only if there is another one: the same again would only be asked to do more."""
        self._deadline = None
        if self._walk and self._walk.has_other and self._session is not None:
            limit = self._deadlines.transcript_s
            self._switch(ProviderSlow(self._walk.current.name, f"no final text for {limit:g} s"))

    def _switch(self, error: ProviderError) -> None:
        failed, self._session = self._session, None
        if self._deadline is not None:
            self._deadline.cancel()
        self._switching = asyncio.create_task(self._go_on(error, failed))

    async def _go_on(self, error: ProviderError, failed: HearSession | None) -> None:
        walk = self._walk or self._roster.walk()
        self._before = self._settled
        try:
            walk.failed(error)
            await self.open(walk)
        except ProviderError as last:
            self._sink(HearFailed(last))
        finally:
            if failed is not None:
                await bounded(failed.close())

    async def _reach(self, hear: Hear, tap: _Tap) -> HearSession:
        """Opens a session. Raises ProviderError, also when it fails in the moment of opening."""
        limit = self._deadlines.open_s
        try:
            async with asyncio.timeout(limit):
                session = await hear.open(self._language, tap)
        except TimeoutError as error:
            raise ProviderSlow(hear.name, f"not open within {limit:g} s") from error
        if tap.error is not None:
            await bounded(session.close())
            raise tap.error
        return session

    def _replay(self, session: HearSession) -> None:
        for piece in self._tape.replay():
            if piece is None:
                session.started()
            else:
                session.push(piece)
        if self._asked:
            session.finalise(self._asked[0])
            self._wait()
