"""What a call that is let in is given, and how a refused one is written down. Pure."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from control.agents.answering import Ready
from control.calls.model import Admitted, Why
from control.calls.policy import CallPolicy
from control.calls.state import State, closed
from control.calls.words import apology
from control.carriers.model import CarrierName
from shared.bus.checkpoints import Checkpoint
from shared.events import Usage
from shared.plan import CallPlan, Resume


def admitted(
    carrier: CarrierName, carrier_call_id: str, call_id: UUID, ready: Ready, plan: CallPlan, policy: CallPolicy
) -> Admitted:
    """The call, its recording by whoever the policy names."""
    return Admitted(
        call_id, ready.workspace_id, carrier, carrier_call_id,
        msgspec.structs.replace(plan, recording=plan.recording and policy.recordings != "carrier"),
        plan.leg,
        records_at_carrier=plan.recording and policy.recordings != "ours",
    )  # fmt: skip


def resumed_plan(
    plan: CallPlan, policy: CallPolicy, leg: int, checkpoint: Checkpoint | None, began_at: datetime, now: datetime
) -> CallPlan:
    """The plan of a further stream. Without a checkpoint nothing of the conversation is known but that there was one:
    it is not greeted again."""
    agent = msgspec.structs.replace(plan.agent, greeting=apology(plan.agent.language, policy.apology))
    if checkpoint is None:
        resume = Resume([], 0, Usage(), _ms(began_at), _ms(now))
    else:
        resume = Resume(checkpoint.messages, checkpoint.turn, checkpoint.usage, checkpoint.began_ms, checkpoint.at_ms)
    return msgspec.structs.replace(plan, agent=agent, leg=leg, resume=resume)


def refusal_of(state: State, why: Why, now: datetime) -> State:
    """Written down; nothing for a call that is over. One whose agent had talked already was lost, and one about which
    nothing is known stays open: its end is for media, the carrier or the reaper to tell."""
    if state.is_final:
        return state
    if why == "cut_off":
        lost = {"reason": "media_lost", "at": now.isoformat()}
        return state if "lost" in state.details else state.noted(lost=lost)
    if state.status == "in_progress" and _was_led(state):
        return closed(state, "failed", "media_lost", why, now, "control").noted(refused=why)
    status: Any = "busy" if why in ("all_busy", "over_limit") else "failed"
    return closed(state, status, None, why, now, "control").noted(refused=why)


def _was_led(state: State) -> bool:
    """To a media node. Telnyx's calls are in progress before one is looked for."""
    return bool(state.media_node or state.details.get("leg"))


def _ms(moment: datetime) -> int:
    return max(0, round(moment.timestamp() * 1000))
