"""Clients of the API for tests: anonymous, a signed-in user, a signed-in admin."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession
from multidict import CIMultiDictProxy

from tests.platform.error_codes import require_documented


@dataclass(frozen=True, slots=True)
class Reply:
    """A response. body: the decoded JSON, None without one; raw: its bytes."""

    status: int
    body: Any
    raw: bytes
    headers: CIMultiDictProxy[str]

    @property
    def code(self) -> str:
        """The error's code; fails for a response that is no error."""
        assert self.status >= 400, (self.status, self.body)
        code: str = self.body["error"]["code"]
        return code

    @property
    def param(self) -> str | None:
        """The field that the error names."""
        param: str | None = self.body["error"]["param"]
        return param


class Client:
    """Sends requests with the access `token`, unless that is empty."""

    def __init__(self, session: ClientSession, url: str, token: str = "") -> None:
        self.session, self.url = session, url
        self.token = token

    async def ask(
        self, method: str, path: str, json: Any = None, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Reply:
        """One request. more: other arguments of aiohttp's client (params, data)."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent |= headers or {}
        if json is not None:
            more["json"] = json
        async with self.session.request(method, self.url + path, headers=sent, **more) as response:
            if response.content_type == "text/event-stream":  # has no end: only its beginning is of interest
                response.close()
                return Reply(response.status, None, b"", response.headers)
            raw = await response.read()
            body = await response.json() if response.content_type == "application/json" and raw else None
            reply = Reply(response.status, body, raw, response.headers)
            if reply.status >= 400 and isinstance(body, dict) and "error" in body:
                require_documented(method, path, reply.status, reply.code)
            return reply

    def with_token(self, token: str) -> "Client":
        """A client with another token."""
        return Client(self.session, self.url, token)

    async def get(self, path: str, **more: Any) -> Reply:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> Reply:
        return await self.ask("POST", path, json, **more)

    async def put(self, path: str, json: Any = None, **more: Any) -> Reply:
        return await self.ask("PUT", path, json, **more)

    async def delete(self, path: str, json: Any = None, **more: Any) -> Reply:
        return await self.ask("DELETE", path, json, **more)


class User(Client):
    """A signed-in user."""

    def __init__(self, anonymous: Client, email: str, session: Mapping[str, Any]) -> None:
        super().__init__(anonymous.session, anonymous.url, session["token"])
        self.email = email
        self.id: str = session["user"]["id"]
        self.refresh_token: str = session["refresh_token"]

    async def workspace(self, name: str = "Acme Dental", **more: Any) -> str:
        """Creates a workspace; returns its id."""
        reply = await self.post("/workspaces", {"name": name, "industry": "dental", "timezone": "UTC", **more})
        assert reply.status == 201, reply.body
        workspace_id: str = reply.body["workspace"]["id"]
        return workspace_id


class Staff(Client):
    """A signed-in admin."""

    def __init__(self, anonymous: Client, email: str, session: Mapping[str, Any]) -> None:
        super().__init__(anonymous.session, anonymous.url, session["token"])
        self.email = email
        self.id: str = session["admin"]["id"]
        self.refresh_token: str = session["refresh_token"]
