"""The simulated vendors that the agents of a rehearsal hear, think and speak with: a first choice behind a link, and a
next one, of each role."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from control.db.pool import open_pool
from control.db.scope import enter_platform
from control.voice.catalog.service import KeyChange, set_key
from lab.stage.conversation import Conversation
from lab.stage.platform import Platform
from lab.stage.vendor_accounts import FIRST_TOKEN_S, MOST_CONTEXTS, TOKEN_S
from shared.secrets import Sealer
from simulator.vendors.chat_reply import ChatReply
from simulator.vendors.server import running_vendor
from vendors.cartesia.simulator import SimulatedCartesia, SpeechTiming
from vendors.deepgram.simulator import SimulatedDeepgram
from vendors.openai.simulator import BASE_PATHS, ChatVendor
from vocalized.stack.key_settings import parse_key_settings

ANSWER: Final = "We open at nine tomorrow."
SPEECH: Final = {
    "stt": [{"provider": "first-ear"}, {"provider": "next-ear"}],
    "llm": [{"provider": "first-model"}, {"provider": "next-model"}],
    "tts": [{"provider": "first-voice"}, {"provider": "next-voice"}],
}
# After all that the product ships with: agents name them.
_PRIORITY: Final = 100_000


@dataclass(frozen=True, slots=True)
class ChaosVendors:
    """The ports at which the servers listen. deepgram has the first ear and the next voice, cartesia the others."""

    deepgram: int
    cartesia: int
    openai: int
    groq: int


def _answer(body: Mapping[str, Any]) -> ChatReply:
    return ChatReply(ANSWER)


@asynccontextmanager
async def running_chaos_vendors(conversation: Conversation) -> AsyncIterator[ChaosVendors]:
    """All four servers, without TLS, until the block ends."""
    cartesia = SimulatedCartesia(make_ear=conversation.make_ear, speech_timing=SpeechTiming(max_contexts=MOST_CONTEXTS))
    deepgram = SimulatedDeepgram(make_ear=conversation.make_ear)
    served: list[tuple[Iterable[web.AbstractRouteDef], bool]] = [(deepgram.routes(), False), (cartesia.routes(), False)]
    for name in _MODELS:
        model = ChatVendor(name, reply=_answer, first_token_s=FIRST_TOKEN_S, token_s=TOKEN_S)
        served.append((model.routes(), True))
    async with AsyncExitStack() as running:
        ports = []
        for routes, cancels in served:
            server = running_vendor(routes, None, cancels=cancels)
            ports.append(int((await running.enter_async_context(server)).rpartition(":")[2]))
        yield ChaosVendors(*ports)


async def connect_vendors(platform: Platform, vendors: ChaosVendors, first: Mapping[str, str]) -> None:
    """Makes them known to the platform, and has its agents use them. first: of the first choices, `host:port` by
    role."""
    openai, groq = (BASE_PATHS[name] for name in _MODELS)
    changes = [
        _change("first-ear", "deepgram", first["stt"], "nova-3"),
        _change("next-ear", "cartesia", f"127.0.0.1:{vendors.cartesia}", "ink-2"),
        _change("first-model", "openai", first["llm"] + openai, "a-model"),
        _change("next-model", "openai", f"127.0.0.1:{vendors.groq}{groq}", "a-model"),
        _change("first-voice", "cartesia", first["tts"], "sonic-3.5"),
        _change("next-voice", "deepgram", f"127.0.0.1:{vendors.deepgram}", "aura-2-thalia-en"),
    ]
    async with open_pool(platform.database_url, size=1) as pool, pool.transaction() as db:
        await enter_platform(db)
        for change in changes:
            await set_key(db, Sealer(parse_key_settings(platform.settings).vault), change)
    for agent in platform.workspace.agents.values():
        path = f"{platform.workspace.path}/agents/{agent.id}"
        config = (await platform.workspace.owner.request("GET", path))["agent"]["config"]
        await platform.workspace.owner.request("PUT", path, {"config": {**config, "speech": SPEECH}})


_MODELS: Final = ("openai", "groq")


def _change(name: str, vendor: str, address: str, model: str) -> KeyChange:
    key = "simulated-vendor-key"
    return KeyChange(name, key, vendor=vendor, base_url=f"http://{address}", model=model, priority=_PRIORITY)
