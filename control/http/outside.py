"""What lies outside of the database, opened once a program: the bus to media, the carriers, the store of recordings."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from redis.asyncio import Redis

from control.calls.handover import Handover
from control.carriers.book import CarrierOptions, Carriers, open_carriers
from shared.bus.client import bus_client
from shared.secrets import Sealer
from shared.storage import Storage


@dataclass(frozen=True, slots=True)
class OutsideOptions:
    """redis_url: of the bus. bus_timeout_s: that Redis may take to answer. media_urls: the only media addresses that
    calls are led to; empty trusts every node. storage_url: see shared/storage.py."""

    redis_url: str = field(repr=False)
    storage_url: str
    carriers: CarrierOptions
    bus_timeout_s: float = 1.0
    media_urls: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Outside:
    """The doors. bus: for whoever reads streams by itself."""

    bus: Redis
    handover: Handover
    carriers: Carriers
    storage: Storage


@asynccontextmanager
async def opened_outside(options: OutsideOptions, sealer: Sealer) -> AsyncIterator[Outside]:
    """Until the block ends. Nobody is asked anything yet: Redis, carriers and storage may come later. Raises ValueError
    for a storage URL that is none."""
    bus = bus_client(options.redis_url, options.bus_timeout_s)
    try:
        async with open_carriers(options.carriers) as carriers:
            handover = Handover(bus, sealer, options.media_urls)
            yield Outside(bus, handover, carriers, Storage(options.storage_url))
    finally:
        await bus.aclose()
