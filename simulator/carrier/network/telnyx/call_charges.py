"""The quality and price of an ended call."""

import math

from simulator.carrier.mulaw import FRAME
from simulator.carrier.network.telnyx.events import now
from simulator.carrier.network.telnyx.leg import Leg

# US dollars per minute: list prices of November 2026, used as sample values.
_RATES = {"call-control": "0.00200", "sip-trunking": "0.00500"}


def quality_stats(leg: Leg) -> dict[str, dict[str, str]]:
    """Return the call_quality_stats of call.hangup. This network loses no packets."""
    packets = str(len(leg.line.audio.caller) // FRAME if leg.line is not None else 0)
    inbound = {
        "jitter_max_variance": "0.00",
        "jitter_packet_count": "0",
        "mos": "4.50",
        "packet_count": packets,
        "skip_packet_count": "0",
    }
    return {"inbound": inbound, "outbound": {"packet_count": packets, "skip_packet_count": "0"}}


def call_cost(leg: Leg) -> dict[str, object]:
    """Return the fields of call.cost. Minutes are rounded up, and an unanswered call costs nothing."""
    billed_s = math.ceil(leg.seconds / 60) * 60
    parts = [
        {
            "call_part": part,
            "cost": f"{float(rate) * billed_s / 60:.5f}",
            "rate": rate,
            "currency": "USD",
            "billed_duration_secs": billed_s,
        }
        for part, rate in _RATES.items()
    ]
    total = sum(float(rate) * billed_s / 60 for rate in _RATES.values())
    return {
        "status": "success",
        "total_cost": f"{total:.5f}",
        "billed_duration_secs": billed_s,
        "cost_parts": parts,
        "occurred_at": now(),
    }
