"""The engine's server, which limits the number of sessions. Each session has its own service."""

import asyncio
import logging
from typing import Any, Final

from aiohttp import ClientSession

from media.providers.engine_process.messages import encode_frame
from media.providers.pipecat.engine.model import ModelSession
from media.providers.pipecat.engine.recognizer import RecognizerSession
from media.providers.pipecat.engine.session import EngineSession, MakeSession
from media.providers.pipecat.engine.voice import VoiceSession
from media.providers.pipecat.wire import MAX_SESSIONS, ServiceFailed

_log = logging.getLogger(__name__)
MAKERS: Final[dict[str, MakeSession]] = {"stt": RecognizerSession, "llm": ModelSession, "tts": VoiceSession}


class SessionServer:
    """An async context manager that serves sessions. `serve` is the callback of `asyncio.start_unix_server`."""

    def __init__(self, max_sessions: int = MAX_SESSIONS) -> None:
        self._max_sessions = max_sessions
        self._sessions: set[asyncio.Task[None]] = set()
        self._http: ClientSession | None = None

    @property
    def session_count(self) -> int:
        """The number of sessions."""
        return len(self._sessions)

    async def __aenter__(self) -> "SessionServer":
        self._http = ClientSession()
        return self

    async def __aexit__(self, *raised: object) -> None:
        """End all sessions."""
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one session, or refuse it if there are too many."""
        assert self._http is not None
        if len(self._sessions) >= self._max_sessions:
            writer.write(encode_frame(ServiceFailed("busy", f"the engine already has {self._max_sessions} sessions")))
            writer.close()
            return
        session = asyncio.create_task(EngineSession(MAKERS, self._http, writer).run(reader))
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)
        try:
            await asyncio.wait({session})
        finally:
            session.cancel()

    def report(self, context: dict[str, Any]) -> None:
        """Log the type of an error that no session caught. Its message may contain texts and keys."""
        _log.error("pipecat_engine.error_raised error=%s", type(context.get("exception")).__name__)
