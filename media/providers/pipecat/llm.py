"""A LanguageModel that uses a pipecat service."""

from collections.abc import AsyncGenerator

from media.providers.pipecat.session import PipecatSession
from media.providers.pipecat.wire import ChatTurn, ReplyEnd, ReplyText, ReplyTokens, ReplyToolCall, SessionOutput
from media.providers.ports import ChatRequest, LanguageModelEvent, ProviderError, TextDelta, TokenUsage, ToolCall
from media.providers.warm_connections import WarmConnections
from vendors.openai.wire import make_messages, make_tools


class PipecatLanguageModel:
    """A pipecat language model.

    Args:
        sessions: The sessions of all calls with the same service, settings and key.
    """

    def __init__(self, name: str, sessions: WarmConnections[PipecatSession]) -> None:
        self.name = name
        self._sessions = sessions

    def prepare(self) -> None:
        """Open a session in the background if none is idle."""
        self._sessions.prepare()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[LanguageModelEvent, None]:
        """Stream one reply. Tool calls arrive complete, at its end. Raises ProviderError.

        A session with an abandoned reply is closed, which cancels the vendor's request.
        """
        session, is_complete = await self._sessions.take(), False
        try:
            session.send(ChatTurn(make_messages(request), make_tools(request.tools)))
            while not isinstance(message := await session.receive(), ReplyEnd):
                yield _to_event(self.name, message)
            is_complete = True
        finally:
            self._sessions.give_back(session, reusable=is_complete)


def _to_event(provider: str, message: SessionOutput) -> LanguageModelEvent:
    match message:
        case ReplyText(text):
            return TextDelta(text)
        case ReplyToolCall(number, name, arguments):
            return ToolCall(number, name, arguments)
        case ReplyTokens(prompt, completion, cached):
            return TokenUsage(prompt, completion, cached=cached)
    raise ProviderError(provider, "unexpected answer of the pipecat engine")
