"""Opens the clients of what lies outside the database: the bus to media, the carriers, the storage of recordings."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from control.billing.payments.sink import BillingSink
from control.billing.stripe.client import StripeOptions
from control.billing.stripe.sink import StripeSink
from control.calls.live.service import MediaAssignment
from control.carriers.pacer import CallPacer
from control.carriers.service import CarrierOptions, Carriers, open_carriers
from shared.bus.authority import BusAuthority
from shared.bus.client import BusClient, bus_client
from shared.bus.function_care import function_care
from shared.storage import Storage


@dataclass(frozen=True, slots=True)
class OutsideOptions:
    """redis_url: of the bus. bus_timeout_s: bound of each Redis command. media_urls: the only media addresses that
    calls are routed to; empty allows every node. storage_url: see shared/storage.py. stripe: None: the platform issues
    its invoices itself."""

    redis_url: str = field(repr=False)
    storage_url: str
    carriers: CarrierOptions
    bus_timeout_s: float = 1.0
    media_urls: Sequence[str] = ()
    stripe: StripeOptions | None = None


@dataclass(frozen=True, slots=True)
class OutsideClients:
    """bus: the Redis client, for readers of streams. authority: what control believes nodes by. billing_sink: None: the
    platform collects its invoices itself."""

    bus: BusClient
    authority: BusAuthority
    media_assignment: MediaAssignment
    carriers: Carriers
    storage: Storage
    call_pacer: CallPacer
    billing_sink: BillingSink | None = None


@asynccontextmanager
async def open_outside(options: OutsideOptions, authority: BusAuthority) -> AsyncIterator[OutsideClients]:
    """The clients, closed after the block. Connects to nothing yet: Redis, carriers and storage need not be reachable.
    Raises ValueError for an invalid storage URL."""
    bus = bus_client(options.redis_url, options.bus_timeout_s)
    try:
        async with open_carriers(options.carriers) as carriers:
            media_assignment = MediaAssignment(bus, authority, options.media_urls)
            pacer = CallPacer(bus, options.carriers.calls_per_s)
            async with _open_sink(options.stripe) as sink, function_care(bus):
                storage = Storage(options.storage_url)
                yield OutsideClients(bus, authority, media_assignment, carriers, storage, pacer, sink)
    finally:
        await bus.aclose()


@asynccontextmanager
async def _open_sink(options: StripeOptions | None) -> AsyncIterator[BillingSink | None]:
    if options is None:
        yield None
        return
    sink = StripeSink(options)
    try:
        yield sink
    finally:
        await sink.close()
