"""The accounts of a new local platform, made as people make theirs: over the API, with the mail's link followed.

Each step looks first whether it was done: a start that was broken off is gone on with by the next.
"""

import asyncio
import json
import os
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from vocalized.child import ServerFailed

ADMIN, USER = "admin@example.com", "owner@example.com"
_ADMIN_KEPT, _USER_KEPT = "admin.json", "user.json"
_MAIL_S = 30.0
_LOOK_S = 0.1
_REQUEST_S = 30.0
_TAKEN = 409

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who may sign in."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """The first admin, the first customer, and what is theirs."""

    admin: SignIn
    user: SignIn
    workspace_id: str
    agent_id: str


async def first_accounts(root: Path, state: Path, url: str, environment: Mapping[str, str]) -> Accounts:
    """Those of an earlier start, or new ones. Raises ServerFailed."""
    admin = _kept(state / _ADMIN_KEPT) or _keep(state / _ADMIN_KEPT, await _admin(root, environment))
    user = _kept(state / _USER_KEPT) or _keep(state / _USER_KEPT, SignIn(USER, secrets.token_urlsafe(12)))
    try:
        async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=_REQUEST_S)) as session:
            return Accounts(admin, user, *await _customer(_Api(session), user, state / "mail"))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ServerFailed(f"the first accounts could not be made: {type(error).__name__} {error}") from error


class _Api:
    """The API as a customer asks it; `token` is sent along once there is one."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.token = ""

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, taken: bool = False) -> Json:
        """The answer; empty when `taken` and there is one already. Raises ServerFailed for any other refusal."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self._session.request(method, path, json=body, headers=headers) as response:
            text = await response.text()
            if taken and response.status == _TAKEN:
                return {}
            if response.status >= 300:
                raise ServerFailed(f"{method} {path} answered {response.status}: {text}")
        answer: Json = json.loads(text) if text else {}
        return answer


async def _admin(root: Path, environment: Mapping[str, str]) -> SignIn:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vocalized", "admin", "create", "--email", ADMIN, "--name", "Admin", "--json",
        cwd=root, env=dict(environment), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    if process.returncode:
        raise ServerFailed(f"no admin could be made:\n{errors.decode(errors='replace').strip()}")
    made = json.loads(output.splitlines()[-1])
    return SignIn(made["email"], made["password"])


async def _customer(api: _Api, user: SignIn, mail: Path) -> tuple[str, str]:
    """The ids of their workspace and their agent."""
    await api.ask("POST", "/auth/signup", {**asdict(user), "name": "Demo Owner"}, taken=True)
    signed = await api.ask("POST", "/auth/login", asdict(user))
    if not signed["user"]["is_verified"]:
        await api.ask("POST", "/auth/verify-email", {"token": await _mailed_token(mail)})
    api.token = signed["token"]
    workspaces = (await api.ask("GET", "/workspaces"))["workspaces"]
    workspace_id: str = workspaces[0]["id"] if workspaces else await _workspace(api)
    agents = (await api.ask("GET", f"/workspaces/{workspace_id}/agents"))["agents"]
    return workspace_id, agents[-1]["id"] if agents else await _agent(api, workspace_id)


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


async def _mailed_token(mail: Path) -> str:
    """The token in the link of the mail, which the worker writes a moment later. Raises ServerFailed."""
    for _ in range(round(_MAIL_S / _LOOK_S)):
        found = await asyncio.to_thread(_find_token, mail)
        if found:
            return found
        await asyncio.sleep(_LOOK_S)
    raise ServerFailed(f"no mail came within {_MAIL_S:g} s; see worker.log in the state folder")


def _find_token(mail: Path) -> str:
    links = (re.search(r"token=([\w.~-]+)", _unfolded(path)) for path in mail.glob("*.eml"))
    return next((link[1] for link in links if link), "")


def _unfolded(path: Path) -> str:
    """Quoted-printable breaks long lines by a sign of equality at their end, and writes that sign itself as =3D."""
    return path.read_text(errors="replace").replace("=\n", "").replace("=3D", "=")


def _kept(path: Path) -> SignIn | None:
    return msgspec.json.decode(path.read_bytes(), type=SignIn) if path.exists() else None


def _keep(path: Path, sign_in: SignIn) -> SignIn:
    """For its owner's eyes only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(sign_in))
    return sign_in
