"""aiohttp's HTTP protocol with error responses that reveal nothing about the server or the request."""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

log = structlog.get_logger()

# Sent in place of the names and versions of our libraries.
SERVER_NAME: Final = "Vocalized"


class PlainRequestHandler(web.RequestHandler):
    """The protocol of one connection.

    aiohttp itself answers a request that it cannot parse, without any middleware, and quotes the request's bytes. This
    class replaces those answers.
    """

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Handle an error as aiohttp does, which logs it. Raises ConnectionError if an answer was begun."""
        super().handle_error(request, status, exc, message)
        return self._refuse(status)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Finish a response as aiohttp does, but replace the answer to an unknown `Expect`, which would quote the
        header."""
        if isinstance(resp, web.HTTPExpectationFailed):
            log.warning("http.expectation_refused")
            resp = self._refuse(resp.status)
        return await super().finish_response(request, resp, start_time)

    def _refuse(self, status: int) -> web.Response:
        response = self.make_error(status)
        response.headers["Server"] = SERVER_NAME
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.force_close()
        return response

    def make_error(self, status: int) -> web.Response:
        """Return the answer to a request that could not be parsed, or whose handler failed outside of all
        middleware."""
        return web.Response(status=status, text=f"{status}: {HTTPStatus(status).phrase}\n")


class _ProtocolErrorLog(logging.Handler):
    """Receives aiohttp's reports of malformed HTTP. Logs only the error's type, because the text quotes the request."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        log.warning("http.parse_failed", error=type(error).__name__ if error else record.funcName)


def protocol_error_logger() -> logging.Logger:
    """Return the logger for the protocol's `logger` argument."""
    logger = logging.getLogger("http.protocol")
    logger.propagate = False
    logger.handlers[:] = [_ProtocolErrorLog(logging.WARNING)]
    return logger


def make_protocol_factory(
    runner: web.AppRunner,
    protocol: Callable[..., PlainRequestHandler] = PlainRequestHandler,
    *,
    keepalive_s: float,
    linger_s: float,
) -> Callable[[], PlainRequestHandler]:
    """Return a function that makes the protocol of each connection, without aiohttp's access log.

    Args:
        runner: A runner after its `setup`.
        keepalive_s: How long an idle connection stays open.
        linger_s: After an answer that did not wait for the request's end, how long the rest of the request is read and
            dropped, so that the client sees the answer.
    """
    http, loop, logger = runner.server, asyncio.get_running_loop(), protocol_error_logger()
    assert http is not None, "setup() makes it"
    return lambda: protocol(
        http,
        loop=loop,
        access_log=None,  # disables the access log
        logger=logger,
        keepalive_timeout=keepalive_s,
        lingering_time=linger_s,
    )


async def name_server(request: web.Request, response: web.StreamResponse) -> None:
    """Set our `Server` header. Connect this to `on_response_prepare`, because aiohttp has set its own name by then."""
    response.headers["Server"] = SERVER_NAME
