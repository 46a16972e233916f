"""Fallback between language models: before the first word, or in mid-answer without repeating what was said."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from media.providers.chain.deadlines import Deadlines
from media.providers.chain.roster import OnFailed, Roster
from media.providers.chain.seam import Seam
from media.providers.chain.waiting import next_within
from media.providers.closing import close_stream
from media.providers.ports import GO_ON, Ask, Message, ProviderError, Think, ThinkEvent, TokenUsage, ToolCall, Words


class ThinkChain:
    """Think over a list of models, first choice first."""

    def __init__(self, models: Sequence[Think], on_failed: OnFailed, deadlines: Deadlines | None = None) -> None:
        self._deadlines = deadlines or Deadlines()
        self._roster: Roster[Think] = Roster("llm", models, on_failed, self._deadlines.rest_s)
        self.name = models[0].name

    async def stream(self, ask: Ask) -> AsyncIterator[ThinkEvent]:
        """Streams one reply, by as many models as it takes. Raises the last ProviderError when all failed.

        After a tool call was handed out no other model is asked: the tool may already run, and once is enough.
        """
        reply = _Reply()
        walk = self._roster.walk()
        while True:
            source = reply.pieces(walk.current, ask, self._deadlines.of(last=not walk.has_other))
            try:
                async for event in source:
                    yield event
                walk.worked()
                return
            except ProviderError as error:
                if reply.acted:
                    walk.gave_up(error)
                    return
                walk.failed(error)
            finally:
                await close_stream(source)


@dataclass(slots=True)
class _Reply:
    """One reply in the making. said: its words so far. acted: a tool was called."""

    said: str = ""
    acted: bool = False

    async def pieces(self, model: Think, ask: Ask, deadlines: Deadlines) -> AsyncIterator[ThinkEvent]:
        """What this model adds to the reply. Raises ProviderError, also for a reply without words or tool call."""
        seam = Seam(self.said)
        source = model.stream(go_on(ask, self.said) if self.said.strip() else ask)
        limit = deadlines.first_token_s
        try:
            while (event := await next_within(source, limit, model.name)) is not None:
                limit = deadlines.token_s
                for piece in self._keep(event, seam):
                    yield piece
        finally:
            await close_stream(source)
        for piece in self._words(seam.end()):
            yield piece
        if not self.said.strip() and not self.acted:
            raise ProviderError(model.name, "an empty reply")

    def _keep(self, event: ThinkEvent, seam: Seam) -> list[ThinkEvent]:
        if isinstance(event, Words):
            return self._words(seam.feed(event.text))
        if isinstance(event, TokenUsage):
            return [event]
        held = self._words(seam.end())
        self.acted = self.acted or isinstance(event, ToolCall)
        return [*held, event]

    def _words(self, text: str) -> list[ThinkEvent]:
        self.said += text
        return [Words(text)] if text else []


def go_on(ask: Ask, said: str) -> Ask:
    """The request to another model to go on after the words said."""
    return replace(ask, messages=(*ask.messages, Message("assistant", said), Message("user", GO_ON)))
