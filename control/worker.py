"""The worker program: runs the jobs and duties of all packages.

Any number of workers may run at once. Each duty may run twice without harm.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from control.accounts.emails.gateways import open_gateway
from control.accounts.emails.service import EmailSender
from control.accounts.passwords import Passwords
from control.accounts.tasks import accounts_tasks
from control.accounts.users.service import Accounts
from control.addresses.service import BusinessAddresses
from control.addresses.tasks import addresses_tasks
from control.agents.plans.service import AgentLookup
from control.analytics.rollups.service import delete_workspace_marks
from control.analytics.rollups.tasks import analytics_tasks
from control.audit.tasks import audit_tasks
from control.backups.tasks import backups_tasks
from control.billing.accounts.service import keep_billing_facts
from control.billing.accruals.service import make_accrue
from control.billing.invoices.service import Invoices
from control.billing.jobs import utc_now
from control.billing.limits.service import SpendGuard
from control.billing.payments.service import Payments
from control.billing.tasks import billing_tasks
from control.calls.analysis.service import CallAnalyzer
from control.calls.analysis.tasks import make_analysis_job
from control.calls.live.service import MediaAssignment
from control.calls.outbound.service import CallPlacement, OutboundCalls
from control.calls.spend_alarms.service import SpendAlarms
from control.calls.tasks import calls_tasks
from control.calls.transfers.service import enqueue_transfer_end
from control.campaigns.tasks import campaigns_tasks
from control.carriers.pacer import CallPacer
from control.carriers.service import Carriers
from control.db.duties import WorkerTasks, join_tasks
from control.db.jobs import JobRetries
from control.db.logins import WORKER, require_plain_login
from control.db.pool import Pool, Timeouts, open_pool
from control.http.services import Services
from control.idempotency.tasks import idempotency_tasks
from control.inbound_webhooks.service import WebhookMetrics
from control.inbound_webhooks.tasks import clear_caller_payloads, webhooks_tasks
from control.integrations.grants.service import enqueue_workspace_revocations
from control.integrations.service import Integrations, make_action_runner
from control.integrations.tasks import integrations_tasks, sync_tasks
from control.keys.revocations import watching_revocations
from control.keys.settings import make_authority
from control.knowledge.search import KnowledgeSearch
from control.knowledge.service import KnowledgeDocuments
from control.knowledge.tasks import knowledge_tasks
from control.media_requests.tasks import media_requests_tasks
from control.messages.service import CallerMessages
from control.messages.tasks import messages_tasks
from control.numbers.service import Numbers
from control.numbers.tasks import numbers_tasks
from control.outbound_webhooks.service import OutboundWebhooks
from control.outbound_webhooks.tasks import outbound_webhooks_tasks
from control.outside import OutsideOptions, open_outside
from control.platform.service import Platform
from control.platform.tasks import platform_tasks
from control.privacy.purge import delete_workspace_objects, delete_workspace_rows
from control.privacy.service import Privacy
from control.privacy.tasks import privacy_tasks
from control.regulatory_bundles.tasks import regulatory_bundles_tasks
from control.services import Policies, close_services, make_services
from control.tools.mcp_servers.tasks import tools_tasks
from control.tools.service import ToolServices
from control.voice.catalog.service import ProviderAdministration
from control.voice.tasks import voice_tasks
from control.worker_runtime import BackgroundWorker, WorkerMetrics, serve_status
from control.workspaces.service import Workspaces
from control.workspaces.tasks import workspaces_tasks
from shared.bus.client import BusClient, bus_client
from shared.bus.health import ProviderHealthStates
from shared.key_sets import KeySets
from shared.secrets import Sealer
from shared.storage import Storage

# Longer than the event consumer's blocking read (control/calls/events/tasks.py).
EVENT_READ_TIMEOUT_S: Final = 10.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BackgroundWorkerOptions:
    """Options of the worker.

    Attributes:
        host: Address where /healthz and /metrics are served.
        port: Port where /healthz and /metrics are served; 0 for a free port.
        allows_owner: Whether the worker may sign in to PostgreSQL as the tables' owner.
    """

    database_url: str
    keys: KeySets
    policies: Policies
    mail_url: str
    mail_from: str
    outside: OutsideOptions
    carrier_recordings_deleted: bool = True
    unknown_calls_ended: bool = False
    allows_owner: bool = False
    billing_ahead: timedelta = timedelta(0)
    accepts_unsigned: bool = False
    host: str = "127.0.0.1"
    port: int = 0
    pool_size: int = 4
    timeouts: Timeouts = field(default_factory=Timeouts)
    retries: JobRetries = field(default_factory=JobRetries)


def make_worker_tasks(
    pool: Pool,
    services: Services,
    sender: EmailSender,
    event_reader: BusClient,
    metrics: WorkerMetrics,
    *,
    delete_at_carrier: bool = True,
    ends_unknown_calls: bool = False,
    billing_ahead: timedelta = timedelta(0),
) -> WorkerTasks:
    """Return the tasks of all packages.

    Args:
        metrics: Counts events, retried webhooks, unpriced usage, refused keys and backups.
        delete_at_carrier: See `calls_tasks`.
        ends_unknown_calls: See `calls_tasks`.
        billing_ahead: See `billing_tasks`.
    """
    storage, platform, carriers = services[Storage], services[Platform], services[Carriers]
    sealer = services[ProviderAdministration].sealer
    return join_tasks(
        [
            accounts_tasks(pool, services[Accounts], sender),
            workspaces_tasks(
                services[Workspaces],
                # Runs when a workspace is purged.
                delete_rows=delete_workspace_rows,
                delete_marks=delete_workspace_marks,
                keep_billing_facts=keep_billing_facts,
                revoke_grants=enqueue_workspace_revocations,
                delete_objects=partial(delete_workspace_objects, storage),
            ),
            platform_tasks(platform, metrics.report_partitions),
            idempotency_tasks(),
            audit_tasks(sealer, metrics.audit_breaks.set),
            media_requests_tasks(),
            tools_tasks(services[ToolServices].mcp),
            messages_tasks(pool, services[CallerMessages]),
            outbound_webhooks_tasks(
                pool, services[OutboundWebhooks], metrics.count_webhook_attempt, metrics.report_oldest_delivery
            ),
            knowledge_tasks(pool, services[KnowledgeDocuments], storage, services[KnowledgeSearch].embedder),
            integrations_tasks(pool, services[Integrations]),
            sync_tasks(pool, make_action_runner(pool, services[Integrations])),
            analytics_tasks(pool, make_accrue(utc_now)),
            billing_tasks(
                pool,
                services[Workspaces],
                services[Invoices],
                services[Payments],
                services[SpendGuard],
                metrics.report_unpriced,
                enqueue_transfer_end,
                report_unopened=metrics.unopened.set,
                ahead=billing_ahead,
            ),
            voice_tasks(sealer, platform, services[ProviderHealthStates], metrics.report_refused_keys),
            backups_tasks(metrics.report_backups),
            numbers_tasks(pool, services[Numbers], carriers),
            addresses_tasks(pool, services[BusinessAddresses], carriers),
            regulatory_bundles_tasks(pool, carriers),
            calls_tasks(
                pool,
                placement=services[CallPlacement],
                agents=services[AgentLookup],
                platform=platform,
                carriers=carriers,
                pacer=services[CallPacer],
                media_assignment=services[MediaAssignment],
                storage=storage,
                event_reader=event_reader,
                counts=metrics.events,
                delete_at_carrier=delete_at_carrier,
                alarms=services[SpendAlarms],
                report_alarms=metrics.report_alarms,
                analyze_call=make_analysis_job(pool, services[AgentLookup], services[CallAnalyzer]),
                ends_unknown_calls=ends_unknown_calls,
            ),
            campaigns_tasks(pool, services[OutboundCalls].place_for_campaign),
            privacy_tasks(
                pool,
                platform=platform,
                deletions=services[Privacy].deletions,
                media_assignment=services[MediaAssignment],
                storage=storage,
                clear_payloads=clear_caller_payloads,
            ),
            webhooks_tasks(pool, services, WebhookMetrics(metrics.registry)),
        ]
    )


@asynccontextmanager
async def open_worker(options: BackgroundWorkerOptions) -> AsyncIterator[BackgroundWorker]:
    """Yield a worker with its connections, which are closed after the block.

    Raises LoginRefused, ValueError for an invalid email URL, and OSError, TimeoutError or asyncpg.PostgresError without
    a database.
    """
    sealer, metrics = Sealer(options.keys.vault), WorkerMetrics()
    authority = make_authority(options.keys, options.accepts_unsigned)
    authority.report = metrics.bus.count_forged
    sender = EmailSender(sealer, open_gateway(options.mail_url), options.mail_from)
    async with open_pool(
        options.database_url, size=options.pool_size, timeouts=options.timeouts, name="vocalized-worker"
    ) as pool:
        if not options.allows_owner:
            await require_plain_login(pool, WORKER)
        with closing(Passwords(options.policies.hashing)) as passwords:
            async with open_outside(options.outside, authority) as outside, watching_revocations(pool, authority):
                services = make_services(sealer, options.policies, passwords, outside)
                reader = bus_client(options.outside.redis_url, EVENT_READ_TIMEOUT_S)
                tasks = make_worker_tasks(
                    pool,
                    services,
                    sender,
                    reader,
                    metrics,
                    delete_at_carrier=options.carrier_recordings_deleted,
                    ends_unknown_calls=options.unknown_calls_ended,
                    billing_ahead=options.billing_ahead,
                )
                try:
                    yield BackgroundWorker(
                        pool=pool,
                        database_url=options.database_url,
                        tasks=tasks,
                        retries=options.retries,
                        metrics=metrics,
                    )
                finally:
                    await close_services(services)
                    await reader.aclose()


async def run_worker(options: BackgroundWorkerOptions, stop: asyncio.Event) -> None:
    """Run the worker until `stop` is set and the running tasks are finished. Raises the errors of `open_worker`."""
    async with open_worker(options) as worker, serve_status(worker, options.host, options.port) as port:
        log.info("worker.started", host=options.host, port=port)
        await worker.run(stop)
    log.info("worker.stopped")
