"""A whole call of each model with tools: arguments, results, several tools in a turn, a barge-in while one runs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from lab.scenarios.failover.bills import BillLine, compare_bills, mark_bills, settle_bills
from lab.scenarios.failover.cell_call import make_plan
from lab.scenarios.failover.cells import ChainPair
from lab.scenarios.failover.recording import WordErrors, compare_texts, find_word_errors
from lab.scenarios.pairings.control_tools import CallWithTools
from lab.scenarios.pairings.model_script import EXPECTED_RUNS, EXPECTED_WORDS, make_tool_plans
from lab.scenarios.pairings.platform import PairingPlatform
from lab.stage.conversation import FILLERS
from lab.stage.vendor_accounts import list_providers
from shared.events import AgentSaid, CallerSaid, EventEnvelope, ProviderFailed, ToolRan, UsageRecorded
from shared.ids import new_id
from shared.plan import AgentPlan, CallPlan
from simulator.carrier.caller import Caller
from simulator.carrier.script import After, Ending, Once

MODELS: Final = tuple(list_providers("llm"))
# The others of the call.
STT: Final = "nova"
TTS: Final = "sonic"
_TURNS: Final = 2
_FILLER: Final = re.compile("|".join(map(re.escape, FILLERS)))
# The last answer comes by itself, once the slow tool is done.
_ENDING: Final = Ending(quiet_ms=1_500, timeout_ms=15_000)


@dataclass(slots=True)
class ModelCall:
    """What one call left. agent: what was played to the caller. turns_ms: when the caller's turns began. fault: why
    there is nothing to judge."""

    model: str
    tools: CallWithTools = field(default_factory=CallWithTools)
    said: Sequence[str] = ()
    turns_ms: Sequence[float] = ()
    agent: bytes = b""
    events: Sequence[EventEnvelope] = ()
    bills: Sequence[BillLine] = ()
    fault: str = ""


async def run_model_call(platform: PairingPlatform, model: str) -> ModelCall:
    """Runs one call. At the same time the model's account may have no other one, because its bill is compared."""
    calls, done = platform.calls, ModelCall(model)
    call_id = f"model-{new_id()}"
    platform.tools.calls[call_id] = done.tools
    whens = (After(300), Once(lambda: done.tools.is_slow_running))
    caller, mark = Caller(await calls.conversation.turns(whens), _ENDING), mark_bills(calls.accounts)
    try:
        call = await calls.nodes.call(_make_plan(platform, model, call_id), caller)
        done.events = await calls.nodes.events.of(call_id)
    except (ConnectionError, TimeoutError) as error:
        done.fault = f"{type(error).__name__}: {error}"
        return done
    await settle_bills(calls.accounts)
    if len(caller.reports) < _TURNS:
        done.fault = f"ended by {call.end.by} after {len(caller.reports)} turns"
    done.said = [calls.conversation.text(turn) for turn in range(1, _TURNS + 1)]
    done.turns_ms = [report.began_ms for report in caller.reports]
    done.agent = bytes(call.audio.agent)
    usage = [event.event for event in done.events if isinstance(event.event, UsageRecorded)]
    done.bills = compare_bills(calls.accounts, mark, (model,), usage)
    return done


def find_call_faults(call: ModelCall) -> list[str]:
    """What is not as it should be; empty: nothing. It takes a fifth of a second."""
    return [call.fault] if call.fault else list(_faults(call))


def _faults(call: ModelCall) -> Iterator[str]:
    events = [envelope.event for envelope in call.events]
    if tuple(call.tools.runs) != tuple(EXPECTED_RUNS):
        yield f"control was asked for {call.tools.runs}"
    yield from (f"{event.name}: {event.result}" for event in events if isinstance(event, ToolRan) and not event.ok)
    yield from (f"{event.provider}: {event.reason}" for event in events if isinstance(event, ProviderFailed))
    agent = " ".join(event.text for event in events if isinstance(event, AgentSaid))
    caller = " ".join(event.text for event in events if isinstance(event, CallerSaid))
    expected = " ".join(EXPECTED_WORDS)
    yield from _word_faults("heard", find_word_errors(call.agent, call.turns_ms, EXPECTED_WORDS))
    yield from _word_faults("recorded of the agent", compare_texts(expected, _FILLER.sub("", agent)))
    yield from _word_faults("recorded of the caller", compare_texts(" ".join(call.said), caller))
    if not call.bills:
        yield "nothing was billed"
    yield from (
        f"{bill.provider} billed {bill.billed:g}, metered {bill.metered:g}" for bill in call.bills if not bill.is_equal
    )


def _word_faults(where: str, errors: WordErrors) -> Iterator[str]:
    if not errors.is_none:
        yield f"{where}: {errors}"


def _make_plan(platform: PairingPlatform, model: str, call_id: str) -> CallPlan:
    plan = make_plan(platform.calls.accounts, ChainPair((STT,), (model,), (TTS,)), call_id)
    agent = AgentPlan(prompt=f"You are the front desk. This is {call_id}.")
    return msgspec.structs.replace(plan, agent=agent, tools=make_tool_plans())
