"""Opens the clients of services outside the database: the bus to media, the carriers, and the storage of recordings."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from control.billing.payments.provider import BillingProvider
from control.billing.stripe.client import StripeOptions
from control.billing.stripe.provider import StripeProvider
from control.calls.live.service import MediaAssignment
from control.carriers.pacer import CallPacer
from control.carriers.service import CarrierOptions, Carriers, open_carriers
from shared.bus.authority import BusAuthority
from shared.bus.client import BusClient, bus_client
from shared.bus.function_care import function_care
from shared.storage import Storage


@dataclass(frozen=True, slots=True)
class OutsideOptions:
    """Settings of the clients.

    Attributes:
        redis_url: Address of the bus.
        bus_timeout_s: Limit for each Redis command.
        media_urls: The only media addresses that calls are routed to; empty allows every node.
    """

    redis_url: str = field(repr=False)
    storage_url: str
    carriers: CarrierOptions
    bus_timeout_s: float = 1.0
    media_urls: Sequence[str] = ()
    stripe: StripeOptions | None = None


@dataclass(frozen=True, slots=True)
class OutsideClients:
    """The clients of outside services.

    Attributes:
        bus: The Redis client, for readers of streams.
        authority: Verifies media nodes.
        billing_provider: None if the platform collects its invoices itself.
    """

    bus: BusClient
    authority: BusAuthority
    media_assignment: MediaAssignment
    carriers: Carriers
    storage: Storage
    call_pacer: CallPacer
    billing_provider: BillingProvider | None = None


@asynccontextmanager
async def open_outside(options: OutsideOptions, authority: BusAuthority) -> AsyncIterator[OutsideClients]:
    """Yield the clients, which are closed after the block. Raises ValueError for an invalid storage URL.

    No connection is opened yet: Redis, carriers and storage need not be reachable.
    """
    bus = bus_client(options.redis_url, options.bus_timeout_s)
    try:
        async with open_carriers(options.carriers) as carriers:
            media_assignment = MediaAssignment(bus, authority, options.media_urls)
            pacer = CallPacer(bus, options.carriers.calls_per_s)
            async with _open_billing_provider(options.stripe) as provider, function_care(bus):
                storage = Storage(options.storage_url)
                yield OutsideClients(bus, authority, media_assignment, carriers, storage, pacer, provider)
    finally:
        await bus.aclose()


@asynccontextmanager
async def _open_billing_provider(options: StripeOptions | None) -> AsyncIterator[BillingProvider | None]:
    if options is None:
        yield None
        return
    provider = StripeProvider(options)
    try:
        yield provider
    finally:
        await provider.close()
