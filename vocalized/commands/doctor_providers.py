"""`vocalized doctor --providers`: one tiny request to each configured provider, and what it cost."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import msgspec
from rich.console import Console
from rich.text import Text

from control.billing.prices.rules import PriceList
from control.billing.prices.service import load_costs
from control.db.pool import open_pool
from control.db.scope import enter_platform
from control.voice.accounts import ProviderAccount, list_platform_accounts, list_workspace_accounts
from media.command import VENDORS
from media.providers.vendor import VendorResources
from media.providers.warm_http import make_session
from shared.egress import EgressGuard
from shared.key_sets import KeySetError
from shared.secrets import Sealer
from simulator.carrier.audio_clip import ClipError, read_clip
from simulator.carrier.mulaw import RATE, SILENCE
from vocalized.demo.calls import SAMPLE
from vocalized.doctor.provider_trials import ProviderTrial, TrialOptions, try_accounts
from vocalized.stack.addresses import StackNotRunning
from vocalized.stack.key_settings import SECRET_KEYS, VAULT_KEYS, parse_key_settings
from vocalized.stack.operator_settings import read_operator_settings

_DATABASE: Final = "VOCALIZED_DATABASE_URL"
# The first words of the sample, and a pause after them.
_SPEECH_S, _PAUSE_S = 2.2, 0.4


class DoctorError(Exception):
    """The providers cannot be tried; the message says why."""


@dataclass(frozen=True, slots=True)
class ProviderDoctorOptions:
    """state: of the platform that `up` runs, unless the environment names another. workspace: whose own keys are tried;
    None: the platform's."""

    state: Path
    workspace: UUID | None = None
    timeout_s: float = 10.0
    language: str = "en"
    as_json: bool = False


async def try_providers(root: Path, options: ProviderDoctorOptions, console: Console) -> int:
    """Tries all of them and prints the report; returns the exit code: 1 when one failed. Raises DoctorError."""
    settings = _settings(options.state)
    accounts, prices = await _load(settings, options.workspace)
    try:
        clip = read_clip(root / SAMPLE).ulaw[: int(_SPEECH_S * RATE)] + SILENCE * int(_PAUSE_S * RATE)
    except ClipError as error:
        raise DoctorError(str(error)) from None
    trials = await _try(accounts, settings, TrialOptions(clip, options.language, options.timeout_s))
    costs = [trial.cost(prices, datetime.now(UTC)) for trial in trials]
    if options.as_json:
        print(format_json(trials, costs))
    else:
        print_trials(trials, costs, console)
    return 0 if all(trial.works for trial in trials) else 1


def format_json(trials: Sequence[ProviderTrial], costs: Sequence[Decimal | None]) -> str:
    """One line: how each did, and what all of them cost where that is known; amounts in US dollars."""
    tried = [_to_json(*pair) for pair in zip(trials, costs, strict=True)]
    return msgspec.json.encode({"providers": tried, "cost_usd": float(_total(costs))}).decode()


def print_trials(trials: Sequence[ProviderTrial], costs: Sequence[Decimal | None], console: Console) -> None:
    """A line each."""
    if not trials:
        console.print("no provider in service has a key: `providers set-key` sets one")
        return
    names = max(len(trial.provider) for trial in trials)
    models = max(len(trial.model) for trial in trials)
    for trial, cost in zip(trials, costs, strict=True):
        word, style = ("works", "green") if trial.works else ("failed", "bold red")
        ms = "" if trial.ms is None else f"{trial.ms:,.0f} ms"
        figures = f"{trial.role}  {trial.model:{models}}  {ms:>9}  {format_cost(cost):>12}"
        line = Text.assemble((f"{word:8}", style), (f"{trial.provider:{names}}  ", "bold"), figures)
        console.print(line.append(f"  {trial.reason}" if trial.reason else ""), soft_wrap=True)
    working = sum(trial.works for trial in trials)
    unpriced = ", and what is not priced" if None in costs else ""
    console.print(f"\n{working} of {len(trials)} work; trying them cost {format_cost(_total(costs))}{unpriced}")


def format_cost(cost: Decimal | None) -> str:
    """US dollars with as many digits as it takes."""
    return "not priced" if cost is None else f"${cost.normalize():f}"


def _total(costs: Sequence[Decimal | None]) -> Decimal:
    return sum((cost for cost in costs if cost is not None), Decimal(0))


def _to_json(trial: ProviderTrial, cost: Decimal | None) -> dict[str, Any]:
    return {
        "provider": trial.provider,
        "vendor": trial.vendor,
        "role": trial.role,
        "model": trial.model,
        "works": trial.works,
        "ms": None if trial.ms is None else round(trial.ms, 1),
        "reason": trial.reason,
        "cost_usd": None if cost is None else float(cost),
    }


def _settings(state: Path) -> Mapping[str, str]:
    """Of the platform that the environment names, else of the one that `up` runs. Raises DoctorError."""
    if os.environ.get(_DATABASE) and (os.environ.get(VAULT_KEYS) or os.environ.get(SECRET_KEYS)):
        return os.environ
    try:
        return {**os.environ, **read_operator_settings(state)}
    except StackNotRunning as error:
        raise DoctorError(f"{error}; of another platform set {_DATABASE} and {VAULT_KEYS}") from None


async def _load(settings: Mapping[str, str], workspace: UUID | None) -> tuple[list[ProviderAccount], PriceList]:
    """Raises DoctorError."""
    try:
        sealer = Sealer(parse_key_settings(settings).vault)
        pool = open_pool(settings["VOCALIZED_DATABASE_URL"], size=1, name="vocalized-doctor")
        async with pool as opened, opened.transaction() as db:
            await enter_platform(db)
            found = (
                list_platform_accounts(db, sealer)
                if workspace is None
                else (list_workspace_accounts(db, sealer, workspace))
            )
            accounts = await found
            return accounts, await load_costs(db, (account.offer.provider for account in accounts))
    except KeySetError as error:
        raise DoctorError(f"VOCALIZED_{error.setting}: {error}") from None
    except ValueError as error:
        raise DoctorError(f"{VAULT_KEYS}: {error}") from None
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise DoctorError(f"the database cannot be used: {type(error).__name__}: {error}") from None


@contextmanager
def _grpc_environment(authorities: str | None) -> Iterator[None]:
    """Let gRPC, which reads its environment, trust the platform's authorities and log nothing."""
    before = dict(os.environ)
    os.environ["GRPC_VERBOSITY"] = "NONE"
    if authorities:
        os.environ["SSL_CERT_FILE"] = authorities
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def _try(
    accounts: Sequence[ProviderAccount], settings: Mapping[str, str], options: TrialOptions
) -> list[ProviderTrial]:
    """Customers' addresses pass the guard that calls use."""
    allowed = [part.strip() for part in settings.get("VOCALIZED_EGRESS_ALLOW", "").split(",") if part.strip()]
    async with make_session() as http:
        resources = VendorResources(http, guard=EgressGuard(allowed))
        try:
            if authorities := settings.get("SSL_CERT_FILE"):
                resources.tls.load_verify_locations(authorities)
            with _grpc_environment(authorities):
                return await try_accounts(accounts, VENDORS, resources, options)
        except OSError as error:
            raise DoctorError(f"SSL_CERT_FILE: {error.strerror or error}") from None
        finally:
            await resources.close()
