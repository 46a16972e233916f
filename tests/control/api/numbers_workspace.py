"""A workspace whose owner buys phone numbers through the API."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.platform.api import Api
from tests.platform.clients import Reply, User

NUMBER = "+14155550123"


@dataclass(frozen=True, slots=True)
class NumbersWorkspace:
    """A workspace with its owner. numbers: path of its phone numbers."""

    api: Api
    ann: User
    numbers: str

    async def buy(self, phone_number: str = NUMBER, **fields: Any) -> str:
        """Orders a number; returns its id."""
        reply = await self.ann.post(self.numbers, {"phone_number": phone_number, **fields})
        assert reply.status == 201, reply.body
        number_id: str = reply.body["phone_number"]["id"]
        return number_id

    async def set_status(self, number_id: str, status: str) -> str:
        """Sets the status, as the worker would; returns the number's path."""
        await self.api.owner.execute("UPDATE phone_numbers SET status = $2 WHERE id = $1", UUID(number_id), status)
        return f"{self.numbers}/{number_id}"

    async def search(self, **query: str) -> Reply:
        return await self.ann.get(f"{self.numbers}/available", params=query)

    async def audit_actions(self, number_id: str) -> list[str]:
        rows = await self.api.owner.fetch(
            "SELECT action FROM audit_log WHERE resource_id = $1 ORDER BY at, id", number_id
        )
        return [row["action"] for row in rows]


async def make_workspace(api: Api, ann: User | None = None) -> NumbersWorkspace:
    ann = ann or await api.sign_up()
    return NumbersWorkspace(api, ann, f"/workspaces/{await ann.workspace()}/phone-numbers")
