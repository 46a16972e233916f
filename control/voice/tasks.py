"""Background tasks for providers: measure them from calls, and probe them within a daily budget."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import structlog

from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.platform.service import Platform
from control.voice.catalog import queries as catalog_queries
from control.voice.figures import queries as figures_queries
from control.voice.figures.queries import KEPT, ProbeResult, select_measurements
from control.voice.figures.rules import ProbeState, RoleMeasurement, combine, count_outages_once, measure, worst_status
from control.voice.keys import KeyedProvider, open_key
from control.voice.probe import ProbeFailed, can_probe, probe
from shared.bus.client import BusUnavailable
from shared.bus.health import ProviderHealthStates
from shared.secrets import Sealer

# Age up to which calls count for the figures.
MEASURED: Final = timedelta(minutes=30)
MEASURE_S: Final = 30.0
PROBE_S: Final = 300.0
# How often the worker looks for providers that are due, and the first wait after a failed probe. The wait doubles.
DUE_S: Final = 20.0
# Maximum number of probes per run. Each probe may take PROBE_TIMEOUT_S.
MOST_PROBES: Final = 5
TELL_S: Final = 5.0
KEYS_S: Final = 60.0
# Older probes are ignored, because the provider is no longer probed.
REFUSED: Final = timedelta(seconds=3 * PROBE_S)
PROBE_TIMEOUT_S: Final = 10.0
# How far back probes are read to find providers that are due.
DUE_SINCE: Final = timedelta(hours=1)
# Number of probes that figures are based on.
PROBES: Final = 20
# Setting with the daily budget (UTC) for probes, in US cents.
BUDGET: Final = "provider_probe_cents_per_day"
# A probe uses about 30 input and 50 output tokens. A minute of a call is estimated at 4,500 and 150. A probe therefore
# costs at most a third of a minute.
_PART_OF_MINUTE: Final = Decimal(1) / 3
# Cost of a probe of a language model without a price, in US dollars.
UNKNOWN_COST: Final = Decimal("0.005")

log = structlog.get_logger()


def voice_tasks(
    sealer: Sealer, platform: Platform, states: ProviderHealthStates, report: Callable[[Sequence[str]], None]
) -> WorkerTasks:
    """Return the duties `provider_figures`, `provider_probes`, `provider_keys` and `providers_out_of_service`.

    Args:
        report: Receives the providers whose vendor refuses the platform's key.
    """

    async def tell(pool: Pool, _: datetime) -> int:
        return await tell_out_of_service(pool, states)

    async def count_refused_keys(db: Connection, now: datetime) -> int:
        found = await figures_queries.select_refused_keys(db, now - REFUSED)
        report(found)
        return len(found)

    async def probes(pool: Pool, now: datetime) -> int:
        return await probe_providers(pool, sealer, platform, now)

    return WorkerTasks(
        duties=[
            Duty("provider_figures", MEASURE_S, measure_calls, 1 << 62),
            Duty("provider_keys", KEYS_S, count_refused_keys, 1 << 62),
            OutsideDuty("provider_probes", DUE_S, probes, MOST_PROBES),
            OutsideDuty("providers_out_of_service", TELL_S, tell, 1 << 62),
        ]
    )


async def measure_calls(db: Connection, now: datetime) -> int:
    """Compute figures from calls, and update the catalog's health columns. Return the number of roles."""
    measured = combine(await select_measurements(db, now - MEASURED))
    await figures_queries.upsert_figures(db, "calls", measured, now)
    await figures_queries.forget_unseen(db, "calls", now)
    await _show_worst(db)
    return len(measured)


async def probe_providers(pool: Pool, sealer: Sealer, platform: Platform, now: datetime) -> int:
    """Probe providers that are in service, have a server and are due. Return the number of probes.

    Probes run one after the other, at most MOST_PROBES, while the daily budget lasts. No database connection is held
    during a probe.
    """
    async with pool.transaction() as db:
        await enter_platform(db)
        left = await _budget_left(db, platform, now)
        versions = await figures_queries.select_versions(db)
        due = await _due_providers(db, sealer, now)
    wanted = _within_budget(due, left)[:MOST_PROBES]
    if not wanted:
        return 0
    results = [result for provider in wanted for result in await _probe(provider, probe_cost(provider), now)]
    async with pool.transaction() as db:
        await enter_platform(db)
        await figures_queries.insert_probes(db, results, versions)
        await figures_queries.delete_probes(db, now - KEPT)
        found = await figures_queries.select_probes(db, now - KEPT, PROBES)
        measured = [_measure_probes(provider, role, latencies) for (provider, role), latencies in found.items()]
        await figures_queries.upsert_figures(db, "probes", measured, now)
        await figures_queries.forget_unseen(db, "probes", now)
        await _show_worst(db)
    return len(wanted)


def is_due(state: ProbeState | None, now: datetime) -> bool:
    """Return whether a provider should be probed.

    After a failure the wait is DUE_S. It doubles with each further failure up to PROBE_S.
    """
    if state is None:
        return True
    wait_s = min(DUE_S * 2.0 ** min(state.failures - 1, 10), PROBE_S) if state.failures else PROBE_S
    return now - state.at >= timedelta(seconds=wait_s)


async def tell_out_of_service(pool: Pool, states: ProviderHealthStates) -> int:
    """Notify the media nodes of providers that staff took out of service, so that running calls stop using them.

    Returns the number of providers, or 0 while Redis is unavailable.
    """
    async with pool.transaction() as db:
        await enter_platform(db)
        names = [entry.provider for entry in await catalog_queries.select_catalog(db) if not entry.is_enabled]
    try:
        await states.set_out_of_service(names)
    except BusUnavailable as error:
        log.warning("providers_out_of_service.not_told", error=str(error))
        return 0
    return len(names)


def probe_cost(provider: KeyedProvider) -> Decimal:
    """Return the upper limit of a probe's cost in US dollars. Reading a document is free."""
    if "llm" not in provider.offer.kinds:
        return Decimal(0)
    minute = provider.offer.estimated_costs.get("llm")
    return UNKNOWN_COST if minute is None else Decimal(str(minute)) * _PART_OF_MINUTE


async def _due_providers(db: Connection, sealer: Sealer, now: datetime) -> list[KeyedProvider]:
    states = await figures_queries.select_probe_states(db, now - DUE_SINCE)
    providers = await _keyed_providers(db, sealer)
    return [keyed for keyed in providers if can_probe(keyed) and is_due(states.get(keyed.offer.provider), now)]


def _within_budget(due: Sequence[KeyedProvider], left: Decimal) -> list[KeyedProvider]:
    """Return the providers whose probes together cost at most `left` US dollars."""
    found, skipped = list[KeyedProvider](), list[str]()
    for provider in due:
        cost = probe_cost(provider)
        if cost > left:
            skipped.append(provider.offer.provider)
            continue
        left -= cost
        found.append(provider)
    if skipped:
        log.info("provider_probe.skipped", providers=skipped, reason="budget")
    return found


async def _probe(provider: KeyedProvider, cost: Decimal, now: datetime) -> list[ProbeResult]:
    """Probe a provider. Return a result for each tested role.

    The probe tests a language model's answer, or whether a speech vendor accepts the key.
    """
    latency_ms, reason = None, ""
    try:
        latency_ms = round(await probe(provider, PROBE_TIMEOUT_S))
    except ProbeFailed as failed:
        reason = str(failed)
        log.warning("provider_probe.failed", provider=provider.offer.provider, reason=reason)
    roles = ("llm",) if "llm" in provider.offer.kinds else tuple(provider.offer.kinds)
    return [
        ProbeResult(provider.offer.provider, role, now, latency_ms, cost if place == 0 else Decimal(0), reason)
        for place, role in enumerate(roles)
    ]


def _measure_probes(provider: str, role: str, latencies_ms: Sequence[int | None]) -> RoleMeasurement:
    """Return the measurement of probes.

    Speech has no latencies, because the probe reads a document and no words or audio.
    """
    measured = measure(provider, role, count_outages_once(latencies_ms))
    return measured if role == "llm" else replace(measured, p50_ms=None, p95_ms=None)


async def _budget_left(db: Connection, platform: Platform, now: datetime) -> Decimal:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    budget = Decimal(await platform.setting(db, BUDGET)) / 100
    return budget - await figures_queries.sum_probe_costs(db, today)


async def _keyed_providers(db: Connection, sealer: Sealer) -> list[KeyedProvider]:
    """Return the providers in service with their opened platform keys."""
    found = []
    for entry in await catalog_queries.select_catalog(db):
        if not entry.is_enabled or entry.for_tests or (entry.needs_key and not entry.platform_key):
            continue
        stored = await catalog_queries.select_sealed(db, entry.provider)
        sealed = stored[1] if stored is not None else None
        key = "" if sealed is None else open_key(sealer, sealed)
        if key is not None:
            found.append(KeyedProvider(entry, key))
    return found


async def _show_worst(db: Connection) -> None:
    figures = await figures_queries.select_figures(db)
    names = dict.fromkeys(figure.provider for figure in figures)
    worst = {name: worst_status(figure for figure in figures if figure.provider == name) for name in names}
    await figures_queries.update_health(db, {name: status for name, status in worst.items() if status is not None})
