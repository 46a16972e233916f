"""What is told about a call when it's over: its quality and its price."""

import math

from simulator.carrier.mulaw import FRAME
from simulator.carrier.network.telnyx_side.events import now
from simulator.carrier.network.telnyx_side.leg import Leg

# US dollars a minute: the list prices of November 2026, for the shape of the event and not for anybody's books.
_RATES = {"call-control": "0.00200", "sip-trunking": "0.00500"}


def quality(leg: Leg) -> dict[str, dict[str, str]]:
    """call_quality_stats: this network loses nothing."""
    packets = str(len(leg.line.legs.caller) // FRAME if leg.line is not None else 0)
    inbound = {
        "jitter_max_variance": "0.00",
        "jitter_packet_count": "0",
        "mos": "4.50",
        "packet_count": packets,
        "skip_packet_count": "0",
    }
    return {"inbound": inbound, "outbound": {"packet_count": packets, "skip_packet_count": "0"}}


def cost(leg: Leg) -> dict[str, object]:
    """call.cost's own fields; begun minutes count as whole ones, and a call that wasn't answered costs nothing."""
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
