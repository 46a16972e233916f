"""The rooms that webhooks lead to, of `control.http.context.Services`."""

from typing import Protocol, runtime_checkable

from control.calls.handover import Handover
from control.calls.service import Calls
from control.carriers.book import Carriers
from shared.bus.notes import Notes


@runtime_checkable
class Recorder(Protocol):
    """A carrier that must be told to record a call that came in."""

    async def record(self, carrier_call_id: str, call_id: str) -> None:
        """Raises CarrierRefused and CarrierAway."""


class Rooms(Protocol):
    """Those of the API's and the worker's services that are needed here."""

    @property
    def calls(self) -> Calls:
        """Who is let in, and what is written down."""

    @property
    def handover(self) -> Handover:
        """Media nodes, tickets and checkpoints."""

    @property
    def carriers(self) -> Carriers:
        """The gateways, for Telnyx's commands."""

    @property
    def notes(self) -> Notes:
        """Where words are put by while the database is away."""
