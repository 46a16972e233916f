"""What agents of a rehearsal speak, hear and think with: the local engine, and a model whose answers are given."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from control.db.pool import open_pool
from control.db.scope import enter_platform
from control.voice.catalog.service import KeyChange, set_key
from lab.stage.platform import Platform
from media.providers.local.host import running_engine
from shared.secrets import Sealer
from simulator.vendors.chat_reply import ChatReply
from simulator.vendors.server import running_vendor
from vendors.openai.simulator import BASE_PATHS, ChatVendor
from vocalized.stack.key_settings import parse_key_settings


@asynccontextmanager
async def running_speech(platform: Platform) -> AsyncIterator[None]:
    """The engine of the local voice and recognizer, which the nodes use until the block ends."""
    engine = running_engine(Path(platform.settings["VOCALIZED_LOCAL_ENGINE_SOCKET"]))
    await asyncio.to_thread(engine.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(engine.__exit__, None, None, None)


@asynccontextmanager
async def running_model(
    platform: Platform, name: str, reply: Callable[[Mapping[str, Any]], ChatReply]
) -> AsyncIterator[None]:
    """A language model that agents can name, until the block ends. reply: from a request's body to the answer."""
    vendor = ChatVendor(reply=reply)
    async with running_vendor(vendor.routes(), None) as address:
        url = f"http://{address}{BASE_PATHS['openai']}"
        change = KeyChange(name, vendor.state.key, vendor="openai", base_url=url, model="a-model", priority=100_000)
        async with open_pool(platform.database_url, size=1) as pool, pool.transaction() as db:
            await enter_platform(db)
            await set_key(db, Sealer(parse_key_settings(platform.settings).vault), change)
        yield
