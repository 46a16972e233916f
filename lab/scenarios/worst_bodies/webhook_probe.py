"""Sends webhooks of new inbound calls at a steady rate, signed as Twilio's, and measures how long each answer takes."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import aiohttp

from shared.twilio_signature import sign

INBOUND: Final = "/webhooks/calls/inbound"
STATUS: Final = "/webhooks/calls/status"
ANSWER_S: Final = 15.0  # Twilio's own limit
_CALLERS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """seconds: from the request's first byte to the answer's last. is_right: whether the call is led to an agent."""

    call_id: str
    seconds: float
    is_right: bool


class WebhookProbe:
    """url: of the API, under which Twilio's webhooks are configured, too. number: the agent's. The connections of the
    session are kept alive, as Twilio's are."""

    def __init__(self, session: aiohttp.ClientSession, url: str, account: str, token: str, number: str) -> None:
        self._session, self._url = session, url
        self._account, self._token, self._number = account, token, number

    async def measure(self, per_s: float, seconds: float) -> list[ProbeAnswer]:
        """Sends `per_s` new calls a second, at their times whether or not earlier ones were answered."""
        begun, tasks = time.monotonic(), []
        for index in range(round(per_s * seconds)):
            await asyncio.sleep(max(0.0, begun + index / per_s - time.monotonic()))
            tasks.append(asyncio.create_task(self._call()))
        return list(await asyncio.gather(*tasks))

    async def end(self, answers: Sequence[ProbeAnswer]) -> None:
        """Reports that the calls are over, so that they count no more against any limit."""
        for answer in answers:
            await self._post(STATUS, answer.call_id, "completed")

    async def _call(self) -> ProbeAnswer:
        call_id = "CA" + secrets.token_hex(16)
        began = time.perf_counter()
        try:
            status, body = await self._post(INBOUND, call_id, "ringing")
        except (aiohttp.ClientError, TimeoutError):
            status, body = 0, b""
        is_right = status == 200 and b"<Stream" in body
        return ProbeAnswer(call_id, time.perf_counter() - began, is_right)

    async def _post(self, path: str, call_id: str, state: str) -> tuple[int, bytes]:
        fields = {
            "AccountSid": self._account,
            "CallSid": call_id,
            "CallStatus": state,
            "Direction": "inbound",
            "From": f"+1646{secrets.randbelow(_CALLERS) + 2_000_000}",
            "To": self._number,
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": sign(self._token, self._url + path, fields.items()),
        }
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        data = urlencode(fields).encode()
        async with self._session.post(self._url + path, data=data, headers=headers, timeout=timeout) as response:
            return response.status, await response.read()
