"""What a carrier is asked and what it answers, the same for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import IO, Literal, Protocol

CarrierName = Literal["twilio", "telnyx"]


class CarrierFault(Exception):
    """A carrier did not do what it was asked. code: the carrier's own, for logs; nothing personal in the message."""

    def __init__(self, carrier: str, code: str, message: str) -> None:
        super().__init__(f"{carrier}: {code}: {message}")
        self.carrier, self.code, self.message = carrier, code, message


class CarrierRefused(CarrierFault):
    """It will not, however often it is asked. taken: the number is not to be had (any more). over: the call ended."""

    def __init__(self, carrier: str, code: str, message: str, *, taken: bool = False, over: bool = False) -> None:
        super().__init__(carrier, code, message)
        self.taken, self.over = taken, over


class CarrierAway(CarrierFault):
    """It could not be reached, is overloaded, or did not answer in time; whether it did what was asked is not known."""


@dataclass(frozen=True, slots=True)
class Available:
    """A number that can be bought. monthly_price: in US dollars; None when the carrier does not tell."""

    phone_number: str
    locality: str
    region: str
    country: str
    monthly_price: Decimal | None
    capabilities: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Owned:
    """A number that is ours at the carrier. reference: ours, told when it was bought (empty where it has none)."""

    carrier_number_id: str
    phone_number: str
    reference: str = ""
    capabilities: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dial:
    """A call that is to be placed. call_id: ours; comes back with every webhook of it. Times in seconds. record: its
    agent has calls recorded; the carrier does so if it is the one who records."""

    call_id: str
    caller: str
    called: str
    ring_s: int = 45
    longest_s: int = 14_400
    detect_machine: bool = False
    record: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A call at the carrier."""

    carrier_call_id: str


class Carrier(Protocol):
    """One carrier's gateway. Every method is bounded in time and raises CarrierRefused or CarrierAway."""

    name: CarrierName

    async def search(self, country: str, area_code: str, limit: int) -> list[Available]:
        """Numbers to be had. country: ISO 3166, two letters; area_code: digits, or empty."""

    async def owned(self, phone_number: str) -> Owned | None:
        """Whether a number is ours at the carrier."""

    async def buy(self, phone_number: str, reference: str) -> Owned:
        """Buys it and has its calls reach us. reference: ours, kept by the carrier where it can. The carrier may take
        seconds."""

    async def configure(self, owned: Owned) -> None:
        """Has the calls of a number that is ours reach us; may be repeated."""

    async def release(self, carrier_number_id: str) -> None:
        """Gives it back; one that is gone already is no error."""

    async def dial(self, order: Dial) -> Placed:
        """Places a call whose webhooks come to us."""

    async def find_dialled(self, order: Dial, since: datetime) -> Sequence[Placed]:
        """Calls with these two numbers placed at or after `since`, oldest first, other calls of ours among them; none
        where the carrier cannot tell."""

    async def hang_up(self, carrier_call_id: str) -> None:
        """Ends a call; one that is over is no error."""

    async def fetch_recording(self, recording: str, into: IO[bytes]) -> None:
        """Writes the audio of a carrier's recording into an open file, in place of what is there. recording: its id, or
        the URL that a webhook told. It may have hundreds of megabytes, and take minutes. Raises OSError too."""

    async def delete_recording(self, recording: str) -> None:
        """Removes it at the carrier; one that is gone is no error."""


class CallControl(Protocol):
    """A carrier whose calls are steered by commands (Telnyx). command_id: repeats of it are ignored by the carrier."""

    async def answer(self, carrier_call_id: str, command_id: str, *, record: bool) -> None:
        """Takes a ringing call. record: its agent has calls recorded; see Dial."""

    async def start_stream(self, carrier_call_id: str, url: str, command_id: str) -> None:
        """Connects an answered call with a media socket, both ways, PCMU."""

    async def reject(self, carrier_call_id: str, cause: Literal["busy", "rejected"], command_id: str) -> None:
        """Refuses a ringing call."""

    async def speak(self, carrier_call_id: str, words: str, language: str, command_id: str) -> None:
        """Says something by the carrier's own voice."""

    async def transfer(self, carrier_call_id: str, number: str, caller: str, command_id: str, *, limit_s: int) -> None:
        """Puts the caller through, for so many seconds at most."""
