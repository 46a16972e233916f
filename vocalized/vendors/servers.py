"""The simulated vendors as servers, with their HTTP interface for faults."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulator.vendors.certificate import load_certificate
from simulator.vendors.entry import ServerSetting
from simulator.vendors.operation import VendorOperation
from simulator.vendors.server import running_vendor
from simulator.vendors.voice import SimulatedVoice
from vocalized.vendors.bill_totals import TotalledVendorState
from vocalized.vendors.configuration import ENTRIES, VendorsConfig
from vocalized.vendors.local_ear import LocalEar, Recognize
from vocalized.vendors.rule_model import answer_by_rules

# A model's usual delays, seconds.
FIRST_TOKEN_S: Final = 0.25
TOKEN_S: Final = 0.02
# The words of a piece of speech are known at its end only, so that no segment may end before.
_SEGMENT_MS: Final = 60_000.0


@dataclass(frozen=True, slots=True)
class Senses:
    """What the vendors hear and speak with."""

    recognize: Recognize
    voice: SimulatedVoice


@asynccontextmanager
async def running_vendors(config: VendorsConfig, senses: Senses) -> AsyncIterator[None]:
    """Runs them while the block lasts. Raises OSError for a port or a certificate that cannot be used."""
    certificate = load_certificate(Path(config.folder))
    states = {name: TotalledVendorState(key=config.key_of(name)) for name in ENTRIES}
    setting = ServerSetting(
        make_ear=lambda: LocalEar(senses.recognize),
        reply=answer_by_rules,
        voice=senses.voice,
        first_token_s=FIRST_TOKEN_S,
        token_s=TOKEN_S,
        segment_ms=_SEGMENT_MS,
    )
    async with AsyncExitStack() as running:
        for name, entry in ENTRIES.items():
            server = entry.account.make(states[name], setting)
            await running.enter_async_context(entry.run(server, certificate, config.ports[name], True))
        operation = VendorOperation(states, {name: entry.roles for name, entry in ENTRIES.items()}).routes()
        await running.enter_async_context(running_vendor(operation, None, port=config.operation))
        yield
