"""HTTP connections of the programs: aiohttp's, whose own answers tell nothing about the server or the request."""

import logging
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

log = structlog.get_logger()

# In place of the names and versions of what we are made of.
SERVER_NAME: Final = "Vocalized"


class PlainRequestHandler(web.RequestHandler):
    """The protocol of one connection. aiohttp answers a request that it cannot parse by itself, past all middleware,
    and quotes the request's bytes."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """As aiohttp's, which logs the error. Raises ConnectionError when an answer was begun."""
        super().handle_error(request, status, exc, message)
        return self._refuse(status)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """As aiohttp's, which refuses an `Expect` that it does not know past all middleware, too, and quotes it."""
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
        """The answer to a request that could not be parsed, or whose handler failed past all middleware."""
        return web.Response(status=status, text=f"{status}: {HTTPStatus(status).phrase}\n")


class _ProtocolErrorLog(logging.Handler):
    """aiohttp's reports of malformed HTTP. Logs the error's type only, because the text quotes the request."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        log.warning("http.parse_failed", error=type(error).__name__ if error else record.funcName)


def protocol_error_logger() -> logging.Logger:
    """For the protocol's `logger`."""
    logger = logging.getLogger("http.protocol")
    logger.propagate = False
    logger.handlers[:] = [_ProtocolErrorLog(logging.WARNING)]
    return logger


async def name_server(request: web.Request, response: web.StreamResponse) -> None:
    """For an application's signal `on_response_prepare`: aiohttp has put its own name there by then."""
    response.headers["Server"] = SERVER_NAME
