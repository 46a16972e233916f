"""The accounts of a new local platform, made as people make theirs: over the API, with the mail's link followed.

Their passwords are made up and kept first of all, and each step finds out whether it was done: a start that was broken
off is gone on with by the next. Once all is made it is left alone: what people do to their accounts is theirs.
"""

import asyncio
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import aiohttp
import asyncpg  # type: ignore[import-untyped]
import msgspec

from control.accounts.hiring import NewAdmin
from shared.errors import Conflict
from shared.plan import CallPlan
from vocalized.admin import hire_into
from vocalized.api import Api, ApiFault
from vocalized.child import ServerFailed
from vocalized.first_agents import answering_agent
from vocalized.secret_file import write_secret

_KEPT = "first-accounts.json"
_ADMIN, _USER = "admin@example.com", "owner@example.com"
# A trial ends; the demonstration does not.
_TIER = {"status": "active", "subscription_tier": "growth"}
_MAIL_S = 30.0
_LOOK_S = 0.1
_TAKEN, _USED_UP, _TOO_MANY = 409, 422, 429


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who may sign in."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """The first admin, the first customer, and what is theirs; empty until that is made.

    number, telnyx_number: that agents answer, at the first simulated carrier and at Telnyx's beside it.
    """

    admin: SignIn
    user: SignIn
    workspace_id: str = ""
    agent_id: str = ""
    number: str = ""
    telnyx_number: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """mail: the folder where mails arrive; None when they go elsewhere: then the customer's address stays unconfirmed.
    carriers: where a number may be bought without money, the first one's for the agent. plan: what that says."""

    url: str
    database_url: str
    mail: Path | None
    carriers: Sequence[str]
    plan: CallPlan


async def first_accounts(state: Path, wanted: Wanted) -> Accounts:
    """Those of an earlier start, or new ones. Raises ServerFailed."""
    path = state / _KEPT
    kept = _read(path) or _keep(path, Accounts(_made_up(_ADMIN), _made_up(_USER)))
    if kept.agent_id and (kept.number or not wanted.carriers):
        return kept
    try:
        await _admin(wanted.database_url, kept.admin)
        async with aiohttp.ClientSession() as session:
            return _keep(path, await _customer(Api(session, wanted.url), kept, wanted))
    except (ApiFault, asyncpg.PostgresError, OSError, TimeoutError) as error:
        raise ServerFailed(f"the first accounts could not be made: {type(error).__name__}: {error}") from error


async def _admin(database_url: str, admin: SignIn) -> None:
    with suppress(Conflict):  # an earlier start got that far
        await hire_into(database_url, NewAdmin(admin.email, "Admin", "super_admin", admin.password))


async def _customer(api: Api, kept: Accounts, wanted: Wanted) -> Accounts:
    new = await api.done("/auth/signup", {**asdict(kept.user), "name": "Demo Owner"}, unless=_TAKEN)
    signed = await api.sign_in(**asdict(kept.user))
    if wanted.mail and not signed["user"]["is_verified"]:
        if not new:  # the first letter may be too old by now
            await api.done("/auth/resend-verification", None, unless=_TOO_MANY)
        await _confirm(api, wanted.mail)
    workspaces = (await api.ask("GET", "/workspaces"))["workspaces"]
    workspace_id: str = workspaces[0]["id"] if workspaces else await _workspace(api)
    await _off_trial(api, kept.admin, workspace_id)
    await api.sign_in(**asdict(kept.user))
    first, *others = wanted.carriers or ("",)
    agent = await answering_agent(api, workspace_id, wanted.plan, wanted.plan.agent.name, first)
    made = replace(kept, workspace_id=workspace_id, agent_id=agent.agent_id, number=agent.number)
    if "telnyx" in others:
        name = f"{wanted.plan.agent.name} (Telnyx)"
        made = replace(
            made, telnyx_number=(await answering_agent(api, workspace_id, wanted.plan, name, "telnyx")).number
        )
    return made


async def _confirm(api: Api, mail: Path) -> None:
    """Follows the link in the letter, which the worker writes a moment later. Raises ServerFailed."""
    tried: set[str] = set()
    for _ in range(round(_MAIL_S / _LOOK_S)):
        for token in await asyncio.to_thread(_tokens, mail) - tried:
            tried.add(token)
            if await api.done("/auth/verify-email", {"token": token}, unless=_USED_UP):
                return
        await asyncio.sleep(_LOOK_S)
    raise ServerFailed(f"no mail came within {_MAIL_S:g} s; see worker.log in the state folder")


async def _workspace(api: Api) -> str:
    body = {"name": "Demo Dental", "industry": "dental", "timezone": "UTC"}
    made: str = (await api.ask("POST", "/workspaces", body))["workspace"]["id"]
    return made


async def _off_trial(api: Api, admin: SignIn, workspace_id: str) -> None:
    await api.sign_in(**asdict(admin), staff=True)
    await api.ask("PUT", f"/admin/workspaces/{workspace_id}", _TIER)


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
