"""A workspace whose owner makes API keys."""

from dataclasses import dataclass
from typing import Any

from control.http.key_text import SCOPES
from tests.platform.api import Api
from tests.platform.clients import Client, User


@dataclass(frozen=True, slots=True)
class KeyWorkspace:
    """A workspace and its owner."""

    api: Api
    ann: User
    id: str

    @classmethod
    async def make(cls, api: Api) -> "KeyWorkspace":
        ann = await api.sign_up()
        return cls(api, ann, await ann.workspace())

    @property
    def path(self) -> str:
        return f"/workspaces/{self.id}"

    @property
    def keys(self) -> str:
        return f"{self.path}/api-keys"

    async def create(self, *scopes: str, by: Client | None = None, **more: Any) -> dict[str, Any]:
        body = {"name": "CRM", "scopes": list(scopes or SCOPES), "expires_at": None} | more
        reply = await (by or self.ann).post(self.keys, body)
        assert reply.status == 201, reply.body
        created: dict[str, Any] = reply.body
        return created

    async def client(self, *scopes: str, by: Client | None = None, **more: Any) -> Client:
        return self.api.with_token((await self.create(*scopes, by=by, **more))["secret"])

    async def listed(self, key_id: str) -> dict[str, Any]:
        reply = await self.ann.get(self.keys)
        (found,) = [key for key in reply.body["api_keys"] if key["id"] == key_id]
        return dict(found)
