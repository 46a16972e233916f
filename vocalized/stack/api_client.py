"""A client of the platform's API."""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

Json = dict[str, Any]

_REQUEST_S = 30.0


class ApiError(RuntimeError):
    """The API refused a request, or did not answer; the message says what.

    status: 0 without an answer. code: of the API's error, such as `totp_required`; empty without one.
    """

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class ApiClient:
    """Sends the access `token` of the last sign-in, if there was one."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url.rstrip("/")
        self.token = ""

    async def sign_in(self, email: str, password: str, *, staff: bool = False) -> Json:
        """Returns the answer; later requests are made as this user or admin. Raises ApiError."""
        self.token = ""
        path = "/admin/auth/login" if staff else "/auth/login"
        answer = await self.request("POST", path, {"email": email, "password": password})
        self.token = answer["token"]
        return answer

    async def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """The decoded answer. Raises ApiError."""
        status, raw = await self._send(method, path, body)
        if status >= 300:
            raise _refusal(method, path, status, raw)
        answer: Json = json.loads(raw) if raw else {}
        return answer

    async def try_post(self, path: str, body: Mapping[str, Any] | None, refusal: int) -> bool:
        """Posts; returns False when the answer has the status `refusal`. Raises ApiError for any other refusal."""
        status, raw = await self._send("POST", path, body)
        if status >= 300 and status != refusal:
            raise _refusal("POST", path, status, raw)
        return status < 300

    async def download(self, path: str) -> bytes:
        """A file's bytes. Raises ApiError."""
        status, raw = await self._send("GET", path, None)
        if status != 200:
            raise _refusal("GET", path, status, raw)
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
            raise ApiError(f"{method} {path}: {str(error) or type(error).__name__}") from error


def _refusal(method: str, path: str, status: int, raw: bytes) -> ApiError:
    try:
        error = json.loads(raw)["error"]
        message, code = str(error["message"]), str(error.get("code", ""))
    except (ValueError, LookupError, TypeError):
        message, code = raw.decode(errors="replace"), ""
    return ApiError(f"{method} {path} answered {status}: {message}", status, code)
