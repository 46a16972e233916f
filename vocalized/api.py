"""The platform's API as somebody outside asks it."""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

Json = dict[str, Any]

_REQUEST_S = 30.0


class ApiFault(RuntimeError):
    """The API refused, or could not be asked; the message says what. status: 0 when there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """Asks with the `token` of whoever signed in last, once there is one."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url.rstrip("/")
        self.token = ""

    async def sign_in(self, email: str, password: str, *, staff: bool = False) -> Json:
        """Returns the answer; later requests come from this user or admin. Raises ApiFault."""
        self.token = ""
        path = "/admin/auth/login" if staff else "/auth/login"
        answer = await self.ask("POST", path, {"email": email, "password": password})
        self.token = answer["token"]
        return answer

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """The answer. Raises ApiFault."""
        status, raw = await self._send(method, path, body)
        if status >= 300:
            raise _refused(method, path, status, raw)
        answer: Json = json.loads(raw) if raw else {}
        return answer

    async def done(self, path: str, body: Mapping[str, Any] | None, unless: int) -> bool:
        """Posts; False for a refusal with the status `unless`. Raises ApiFault for any other."""
        status, raw = await self._send("POST", path, body)
        if status >= 300 and status != unless:
            raise _refused("POST", path, status, raw)
        return status < 300

    async def fetch(self, path: str) -> bytes:
        """A file. Raises ApiFault."""
        status, raw = await self._send("GET", path, None)
        if status != 200:
            raise _refused("GET", path, status, raw)
        return raw

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        timeout = aiohttp.ClientTimeout(total=_REQUEST_S)
        try:
            async with self._session.request(
                method, self.url + path, json=body, headers=headers, timeout=timeout
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ApiFault(f"{method} {path}: {str(error) or type(error).__name__}") from error


def _refused(method: str, path: str, status: int, raw: bytes) -> ApiFault:
    return ApiFault(f"{method} {path} answered {status}: {raw.decode(errors='replace')}", status)
