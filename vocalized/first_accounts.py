"""The accounts of a new local platform, made as people make theirs: over the API, with the mail's link followed.

Their passwords are made up and kept first of all, and each step finds out whether it was done: a start that was broken
off is gone on with by the next. Once all is made it is left alone: what people do to their accounts is theirs.
"""

import asyncio
import json
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg  # type: ignore[import-untyped]
import msgspec

from control.accounts.hiring import NewAdmin
from shared.errors import Conflict
from vocalized.admin import hire_into
from vocalized.child import ServerFailed
from vocalized.secret_file import write_secret

_KEPT = "first-accounts.json"
_ADMIN, _USER = "admin@example.com", "owner@example.com"
_MAIL_S = 30.0
_LOOK_S = 0.1
_REQUEST_S = 30.0
_TAKEN, _USED_UP, _TOO_MANY = 409, 422, 429

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who may sign in."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """The first admin, the first customer, and what is theirs; the ids are empty until that is made."""

    admin: SignIn
    user: SignIn
    workspace_id: str = ""
    agent_id: str = ""


async def first_accounts(state: Path, url: str, database_url: str, mail: Path | None) -> Accounts:
    """Those of an earlier start, or new ones. mail: the folder where mails arrive; None when they go elsewhere: then
    the customer's address stays unconfirmed. Raises ServerFailed."""
    path = state / _KEPT
    kept = _read(path) or _keep(path, Accounts(_made_up(_ADMIN), _made_up(_USER)))
    if kept.agent_id:
        return kept
    try:
        await _admin(database_url, kept.admin)
        async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=_REQUEST_S)) as session:
            workspace_id, agent_id = await _customer(_Api(session), kept.user, mail)
    except (aiohttp.ClientError, asyncpg.PostgresError, OSError, TimeoutError) as error:
        raise ServerFailed(f"the first accounts could not be made: {type(error).__name__} {error}") from error
    return _keep(path, replace(kept, workspace_id=workspace_id, agent_id=agent_id))


class _Api:
    """The API as a customer asks it; `token` is sent along once there is one."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.token = ""

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """The answer. Raises ServerFailed for a refusal."""
        status, text = await self._send(method, path, body)
        if status >= 300:
            raise _refused(method, path, status, text)
        answer: Json = json.loads(text) if text else {}
        return answer

    async def done(self, path: str, body: Mapping[str, Any] | None, unless: int) -> bool:
        """Posts; False for a refusal with the status `unless`. Raises ServerFailed for any other."""
        status, text = await self._send("POST", path, body)
        if status >= 300 and status != unless:
            raise _refused("POST", path, status, text)
        return status < 300

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self._session.request(method, path, json=body, headers=headers) as response:
            return response.status, await response.text()


def _refused(method: str, path: str, status: int, text: str) -> ServerFailed:
    return ServerFailed(f"{method} {path} answered {status}: {text}")


async def _admin(database_url: str, admin: SignIn) -> None:
    with suppress(Conflict):  # an earlier start got that far
        await hire_into(database_url, NewAdmin(admin.email, "Admin", "super_admin", admin.password))


async def _customer(api: _Api, user: SignIn, mail: Path | None) -> tuple[str, str]:
    """The ids of their workspace and their agent."""
    new = await api.done("/auth/signup", {**asdict(user), "name": "Demo Owner"}, unless=_TAKEN)
    signed = await api.ask("POST", "/auth/login", asdict(user))
    api.token = signed["token"]
    if mail and not signed["user"]["is_verified"]:
        if not new:  # the first letter may be too old by now
            await api.done("/auth/resend-verification", None, unless=_TOO_MANY)
        await _confirm(api, mail)
    workspaces = (await api.ask("GET", "/workspaces"))["workspaces"]
    workspace_id: str = workspaces[0]["id"] if workspaces else await _workspace(api)
    agents = (await api.ask("GET", f"/workspaces/{workspace_id}/agents"))["agents"]
    return workspace_id, agents[-1]["id"] if agents else await _agent(api, workspace_id)


async def _confirm(api: _Api, mail: Path) -> None:
    """Follows the link in the letter, which the worker writes a moment later. Raises ServerFailed."""
    tried: set[str] = set()
    for _ in range(round(_MAIL_S / _LOOK_S)):
        for token in await asyncio.to_thread(_tokens, mail) - tried:
            tried.add(token)
            if await api.done("/auth/verify-email", {"token": token}, unless=_USED_UP):
                return
        await asyncio.sleep(_LOOK_S)
    raise ServerFailed(f"no mail came within {_MAIL_S:g} s; see worker.log in the state folder")


async def _workspace(api: _Api) -> str:
    body = {"name": "Demo Dental", "industry": "dental", "timezone": "UTC"}
    made: str = (await api.ask("POST", "/workspaces", body))["workspace"]["id"]
    return made


async def _agent(api: _Api, workspace_id: str) -> str:
    """From the template of the workspace's trade, or the first of all."""
    templates = (await api.ask("GET", "/templates"))["templates"]
    chosen = next((template for template in templates if template["industry"] == "dental"), templates[0])
    body = {"name": "Front desk", "template_id": chosen["id"]}
    made: str = (await api.ask("POST", f"/workspaces/{workspace_id}/agents", body))["agent"]["id"]
    return made


def _tokens(mail: Path) -> set[str]:
    """Of the links in the letters that are there."""
    return {token for path in mail.glob("*.eml") for token in re.findall(r"token=([\w.~-]+)", _unfolded(path))}


def _unfolded(path: Path) -> str:
    """Quoted-printable breaks long lines by a sign of equality at their end, and writes that sign itself as =3D."""
    return path.read_text(errors="replace").replace("=\n", "").replace("=3D", "=")


def _made_up(email: str) -> SignIn:
    return SignIn(email, secrets.token_urlsafe(12))


def _read(path: Path) -> Accounts | None:
    return msgspec.json.decode(path.read_bytes(), type=Accounts) if path.exists() else None


def _keep(path: Path, accounts: Accounts) -> Accounts:
    """For its owner's eyes only; there whole or not at all."""
    write_secret(path, msgspec.json.encode(accounts))
    return accounts
