"""What Twilio bills apart from the price of a call: media streams, recordings, and detection of answering machines.

Twilio does not report it by call, so it is estimated by the prices in the settings.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from control.calls.records.state import CallState

_MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True)
class ExtraPrices:
    """US dollars: of a minute of a media stream, of a minute of a recording, and of one detection."""

    stream_minute: Decimal
    recording_minute: Decimal
    detection: Decimal


def estimate_extras(call: CallState, prices: ExtraPrices) -> Decimal:
    """US dollars for a call that is over. Begun minutes count as whole ones. A caller who was transferred has no media
    stream any more, but is recorded to the end."""
    details, total = call.details, Decimal(0)
    if details.legs:
        talked_s = call.duration_seconds if details.transfer is None else details.transfer.talked_s
        total += prices.stream_minute * _minutes(talked_s)
    if details.carrier_recordings:
        total += prices.recording_minute * _minutes(call.duration_seconds)
    if call.direction == "outbound" and details.answered_by is not None:
        total += prices.detection
    return total


def _minutes(seconds: int) -> int:
    return -(-seconds // _MINUTE_S)
