"""What the simulated vendors bill for a call beside what the call's usage events say."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lab.stage.vendor_accounts import PROVIDERS, VendorAccounts
from shared.events import UsageRecorded
from simulator.vendors.server import BilledItem

# A vendor bills a connection when it ends. Nothing more comes when nothing came for so long.
QUIET_S: Final = 0.5
_SETTLE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class BillLine:
    """One provider's bill of a call. billed, metered: ms of audio, characters, or tokens of prompt and reply.
    estimated: whether part of ours was estimated, because the vendor did not tell."""

    provider: str
    billed: float
    metered: float
    estimated: bool

    @property
    def difference(self) -> float:
        """How much more we metered than the vendor billed."""
        return self.metered - self.billed

    @property
    def is_equal(self) -> bool:
        """Whether both are the same, apart from fractions of a ms."""
        return abs(self.difference) < 1


@dataclass(frozen=True, slots=True)
class BillMark:
    """How long each vendor's bill was at a time."""

    lengths: Mapping[str, int]


def mark_bills(accounts: VendorAccounts) -> BillMark:
    """The bills so far."""
    return BillMark({name: len(accounts.state(name).billed) for name in PROVIDERS})


async def settle_bills(accounts: VendorAccounts) -> None:
    """Waits until the vendors bill nothing more."""
    loop = asyncio.get_running_loop()
    until, before = loop.time() + _SETTLE_S, -1
    while (total := sum(mark_bills(accounts).lengths.values())) != before and loop.time() < until:
        before = total
        await asyncio.sleep(QUIET_S)


def compare_bills(
    accounts: VendorAccounts, since: BillMark, providers: Sequence[str], usage: Iterable[UsageRecorded]
) -> list[BillLine]:
    """A line for each provider of a call; those that were not used are left out."""
    ours = list(usage)
    lines = [_line(accounts, since, name, [our for our in ours if our.provider == name]) for name in providers]
    return [line for line in lines if line.billed or line.metered]


def _line(accounts: VendorAccounts, since: BillMark, name: str, ours: Sequence[UsageRecorded]) -> BillLine:
    items: Sequence[BilledItem] = accounts.state(name).billed[since.lengths[name] :]
    role = PROVIDERS[name].role
    return BillLine(
        name,
        sum(item.quantity for item in items if item.role == role),
        sum(our.quantity for our in ours),
        any(our.estimated for our in ours),
    )
