"""Estimates what Twilio bills separately from a call: media streams, recordings and answering-machine detection.

Twilio does not report these costs by call, so the estimate uses the prices in the settings.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from control.calls.records.state import CallState

_MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True)
class ExtraPrices:
    """Prices in US dollars: per minute of a media stream, per minute of a recording, and per detection."""

    stream_minute: Decimal
    recording_minute: Decimal
    detection: Decimal


def estimate_extras(call: CallState, prices: ExtraPrices) -> Decimal:
    """Returns the estimated extras, in US dollars, of a call that is over.

    Started minutes count as whole minutes. A transferred caller no longer has a media stream, but is recorded to the
    end.
    """
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
