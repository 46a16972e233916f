"""The plan of an admitted call, and the state of a refused one. Pure."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import msgspec

from control.agents.lookup import AnsweringAgent
from control.agents.sent_digits import adapt_tools
from control.calls.announcements import apology_text, transfer_returned_text
from control.calls.details import StreamLoss
from control.calls.model import AdmittedCall, OpenCall, RefusalReason
from control.calls.policy import MOST_RETURNS, CallPolicy
from control.calls.state import CallState, close
from control.carriers.rules import CarrierName
from shared.bus.checkpoints import Checkpoint
from shared.events import CallUsage, EndReason, TransferFailure
from shared.plan import CallPlan, ResumePoint


def admit(
    carrier: CarrierName, carrier_call_id: str, call_id: UUID, agent: AnsweringAgent, plan: CallPlan, policy: CallPolicy
) -> AdmittedCall:
    """The call with its plan. The policy decides whether media or the carrier records it, and the carrier who makes the
    tones of keys."""
    return AdmittedCall(
        call_id=call_id,
        workspace_id=agent.workspace_id,
        carrier=carrier,
        carrier_call_id=carrier_call_id,
        plan=msgspec.structs.replace(
            plan,
            recording=plan.recording and policy.recordings != "carrier",
            tools=adapt_tools(plan.tools, carrier),
        ),
        leg=plan.leg,
        records_at_carrier=plan.recording and plan.consent is None and policy.recordings != "ours",
    )


def make_resumed_plan(
    plan: CallPlan, policy: CallPolicy, leg: int, checkpoint: Checkpoint | None, call: OpenCall, now: datetime
) -> CallPlan:
    """The plan of a further media stream. Without a checkpoint nothing is known of the conversation, but there was one:
    the caller is not greeted again. Announcements and a refusal count if either the checkpoint or the record knows of
    them: the one may be older than the other."""
    language = (checkpoint.language if checkpoint else "") or plan.agent.language
    agent = msgspec.structs.replace(plan.agent, greeting=_first_words(language, policy, call.returned))
    if len(call.transfer_failures) >= MOST_RETURNS:
        agent = msgspec.structs.replace(agent, fallback_number="")
    if checkpoint is None:
        resume = ResumePoint([], 0, CallUsage(), _ms(call.answered_at or now), _ms(now))
    else:
        resume = ResumePoint(
            checkpoint.messages, checkpoint.turn, checkpoint.usage, checkpoint.began_ms, checkpoint.at_ms
        )
    resume = msgspec.structs.replace(
        resume,
        announced=tuple(dict.fromkeys((*(checkpoint.announced if checkpoint else ()), *call.announced))),
        recording_refused=call.recording_refused or (checkpoint is not None and checkpoint.recording_refused),
        transfer_failure=call.returned,
        language=checkpoint.language if checkpoint else "",
    )
    return msgspec.structs.replace(plan, agent=agent, leg=leg, resume=resume)


def _first_words(language: str, policy: CallPolicy, returned: TransferFailure | None) -> str:
    if returned is None:
        return apology_text(language, policy.apology)
    return transfer_returned_text(language, returned)


def refuse(state: CallState, reason: RefusalReason, now: datetime) -> CallState:
    """The state of a refused call; one that is over stays as it is. A call whose agent had talked already ends as lost.
    After cut_off the call stays open, because nothing is known about it: media, the carrier or the reaper ends it."""
    if state.is_final:
        return state
    if reason == "cut_off":
        lost = state.details.lost or StreamLoss(reason="media_lost", at=now.isoformat(), leg=state.details.leg)
        return replace(state, details=replace(state.details, lost=lost))
    if state.status == "in_progress" and _has_media(state):
        closed = close(state, "failed", "media_lost", reason, now, "control")
    else:
        is_busy = reason in ("all_busy", "over_limit")
        end_reason: EndReason | None = "spend_limit" if reason == "spend_limit" else None
        closed = close(state, "busy" if is_busy else "failed", end_reason, reason, now, "control")
    return replace(closed, details=replace(closed.details, refused=reason))


def _has_media(state: CallState) -> bool:
    """Whether the call was assigned to a media node. Telnyx's calls are in progress before that."""
    return bool(state.media_node or state.details.leg)


def _ms(moment: datetime) -> int:
    return max(0, round(moment.timestamp() * 1000))
