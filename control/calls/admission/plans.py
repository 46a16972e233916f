"""The plan of an admitted call."""

from datetime import datetime
from uuid import UUID

import msgspec

from control.agents.plans.rules import adapt_tools
from control.agents.plans.service import AnsweringAgent
from control.calls.announcements import apology_text, transfer_returned_text
from control.calls.records.running_calls import AdmittedCall, CallPolicy, OpenCall
from control.calls.transfers.rules import MOST_RETURNS
from control.carriers.rules import CarrierName
from shared.bus.checkpoints import Checkpoint
from shared.events import CallUsage, TransferFailure
from shared.plan import CallPlan, ResumePoint


def admit(
    carrier: CarrierName, carrier_call_id: str, call_id: UUID, agent: AnsweringAgent, plan: CallPlan, policy: CallPolicy
) -> AdmittedCall:
    """Returns the call with its plan.

    The policy decides whether media or the carrier records the call, and whether the carrier sends key tones.
    """
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
    """Returns the plan of a further media stream of the call.

    Without a checkpoint the content of the conversation is unknown. The caller has been greeted, so the agent does not
    greet again. An announcement or a refusal counts if the checkpoint or the record has it, because either of them may
    be older.
    """
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


def _ms(moment: datetime) -> int:
    return max(0, round(moment.timestamp() * 1000))
