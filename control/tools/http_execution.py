"""Runs an HTTP tool: one request, once more where that does no harm, and the result in words for a language model."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from control.tools.http_client import AnswerLost, RequestNotSent, ToolHttpAnswer, ToolHttpClient
from control.tools.http_config import HttpToolConfig
from control.tools.http_request import ToolHttpRequest
from control.tools.http_result import AnswerUnfit, map_answer
from control.tools.outside_text import mark_outside
from control.tools.secret_headers import hide_secrets
from shared.errors import Conflict, Unavailable

REFUSED: Final = "tool_refused"
UNREACHABLE: Final = "tool_unreachable"
UNFIT: Final = "tool_answer_unfit"
# Characters of an answer that refuses: enough for a reason.
LONGEST_REASON: Final = 500
# https://www.rfc-editor.org/rfc/rfc9110#section-15.6: the server did not come to it. Sent again after RETRY_S.
_AGAIN: Final = (502, 503, 504)
RETRY_S: Final = 0.2
# Redirects of a request that its server did not carry out. After a booking, many answer with 302 or 303, which lead to
# a page about it: https://www.rfc-editor.org/rfc/rfc9110#section-15.4.4
_NOT_DONE: Final = (301, 307, 308)
# With less time left, a second request would come to nothing.
_LEAST_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class HttpExecution:
    """A run. name: of the tool. owner: the workspace. secrets: of its headers, hidden in what comes back."""

    client: ToolHttpClient
    name: str
    config: HttpToolConfig
    owner: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    async def run(self, request: ToolHttpRequest, timeout_s: float) -> str:
        """The result, marked as outside data. Raises Conflict: nothing was done (codes tool_refused,
        tool_unreachable), or it was done and the answer is of no use (tool_answer_unfit); Unavailable: it is not known
        whether it was done."""
        return self.read(await self._send(request, timeout_s))

    def read(self, answer: ToolHttpAnswer) -> str:
        """What an answer means. Raises as `run`."""
        if 200 <= answer.status < 300:
            return self._result(answer)
        if 300 <= answer.status < 400:
            if answer.status not in _NOT_DONE and not self.config.read_only:
                raise Unavailable(f"{self.name} answered with a redirect (status {answer.status}), not followed.")
            message = f"{self.name} answered with a redirect (status {answer.status}), which is not followed."
            raise Conflict(message, code=REFUSED)
        if answer.status >= 500 and not self.config.read_only:
            raise Unavailable(f"{self.name} answered with status {answer.status}.")
        raise Conflict(self._refusal(answer), code=REFUSED)

    async def _send(self, request: ToolHttpRequest, timeout_s: float) -> ToolHttpAnswer:
        """A tool that only reads is asked a second time within the same limit."""
        until = asyncio.get_running_loop().time() + timeout_s
        try:
            answer = await self._send_once(request, timeout_s)
        except (RequestNotSent, AnswerLost) as error:
            if self._left_s(until) < _LEAST_S or not self._may_repeat(error):
                raise self._problem(error) from None
        else:
            if answer.status not in _AGAIN or not self.config.read_only or self._left_s(until) < _LEAST_S:
                return answer
        await asyncio.sleep(RETRY_S)
        try:
            return await self._send_once(request, self._left_s(until))
        except (RequestNotSent, AnswerLost) as error:
            raise self._problem(error) from None

    async def _send_once(self, request: ToolHttpRequest, timeout_s: float) -> ToolHttpAnswer:
        return await self.client.send(request, timeout_s, self.owner)

    def _may_repeat(self, error: Exception) -> bool:
        return self.config.read_only and "public internet" not in str(error)

    def _left_s(self, until: float) -> float:
        return until - asyncio.get_running_loop().time() - RETRY_S

    def _problem(self, error: Exception) -> Conflict | Unavailable:
        if isinstance(error, RequestNotSent):
            return Conflict(f"{self.name} cannot be reached: {error}. Nothing was done.", code=UNREACHABLE)
        if self.config.read_only:
            return Conflict(f"{self.name} did not answer: {error}.", code=UNREACHABLE)
        return Unavailable(f"{self.name} did not answer: {error}.")

    def _result(self, answer: ToolHttpAnswer) -> str:
        try:
            text = map_answer(self.config, answer)
        except AnswerUnfit as unfit:
            done = "" if self.config.read_only else " The request was carried out."
            raise Conflict(f"The answer of {self.name} {unfit}.{done}", code=UNFIT) from None
        return self._marked(text, self.config.max_result_chars)

    def _refusal(self, answer: ToolHttpAnswer) -> str:
        words = f"{self.name} answered with status {answer.status}."
        if not answer.body.strip():
            return words
        text = answer.body.decode("utf-8", "replace")
        return f"{words}\n{self._marked(text, LONGEST_REASON)}"

    def _marked(self, text: str, most: int) -> str:
        return mark_outside(hide_secrets(text, self.secrets), self.name, most)
