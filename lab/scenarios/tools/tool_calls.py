"""Runs the calls on the whole platform: agents that hear and speak by the local engine, and a model with scripts."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from lab.scenarios.tools.cases import (
    CLOCK,
    COLLEAGUE,
    COMMANDS,
    DOCUMENTS,
    FIRST_NAME,
    STRANGER,
    ToolCase,
    booking_cases,
    content_cases,
    fault_cases,
    hostile_cases,
    uncertain_case,
)
from lab.scenarios.tools.parties import PatientCaller
from lab.scenarios.tools.workspace_tools import (
    ConnectedWorkspace,
    add_document,
    connected_workspace,
    stock_tools,
    time_server,
)
from lab.scenarios.transfers.transfer_calls import CARRIERS
from lab.stage.platform import Platform
from lab.stage.speech_services import running_model, running_speech
from media.call.transcript import RUNNING_RESULT
from simulator.carrier.media_stream import Party
from simulator.carrier.network.passive_party import PassiveParty
from simulator.carrier.network.phone_network import CallEvent, CallOutcome, Subscriber
from simulator.carrier.prepared_turn import prepare_turns
from simulator.carrier.script import Say, Turn
from simulator.carrier.script import Script as CallerScript
from simulator.integrations.google_calendar import GoogleCalendars
from simulator.integrations.server import IntegrationFaultKind
from simulator.vendors.chat_reply import ChatReply
from vocalized.caller.local_speech import load_voice
from vocalized.caller.voice import CallerVoice
from vocalized.stack.settings import CarrierName

MODEL: Final = "tool_user"
LIMIT_S: Final = 300.0
# The longest silence that the agents' limits allow, in seconds; templates have the same.
REPLY_S: Final = 6.0
# Those of the bookings, which have a number each, then all others.
KNOWN: Final = ("booked", "moved", "canceled")
# Parts of the config that not all calls have.
_PARTS: Final = ("http_tools", "mcp_tools", "knowledge", "fallback_number")
# Of whoever the caller is transferred to.
_TARGET_S: Final = 3.0
# Requests to the calendar that get no answer: the booking with its repeats, and the look-ups of what became of it.
_SILENT: Final[Sequence[IntegrationFaultKind]] = ("silence",) * 12


@dataclass(slots=True, eq=False)
class CallWithTools:
    """One call. number: the caller's. key: stands in the agent's prompt, by which the model knows the call. booked:
    hours of the vendor's events of the day right after the call."""

    case: ToolCase
    carrier: CarrierName
    number: str
    key: str
    day: datetime
    is_answered: bool = False
    carrier_call_id: str = ""
    outcome: CallOutcome | None = None
    booked: tuple[int, ...] = ()
    party: PatientCaller | None = field(default=None, repr=False)

    def note(self, event: CallEvent) -> None:
        """Keeps the carrier's id."""
        self.carrier_call_id = event.call_id or self.carrier_call_id

    def has_answer(self) -> bool:
        """Whether the model has answered in words; the receptionist's answers are not seen."""
        return self.is_answered or self.case.script is None


class ScriptedModel:
    """Answers each call by its script. calls: by key."""

    def __init__(self) -> None:
        self.calls: dict[str, CallWithTools] = {}

    def reply_to(self, body: Mapping[str, Any]) -> ChatReply:
        """Raises KeyError, and StopIteration, for a request of no call that is known."""
        messages = body["messages"]
        system = " ".join(str(message["content"]) for message in messages if message["role"] in ("system", "developer"))
        call = next(one for key, one in self.calls.items() if key in system)
        if call.case.script is None:
            raise KeyError(call.key)
        results = [str(message["content"]) for message in messages if message["role"] == "tool"]
        reply = call.case.script(results)
        call.is_answered |= not reply.tools and RUNNING_RESULT not in results
        return reply


@dataclass(frozen=True, slots=True)
class ToolRehearsal:
    """What the calls share. rung: answers of the stranger's phone, which must not be called."""

    platform: Platform
    workspace: ConnectedWorkspace
    model: ScriptedModel
    voice: CallerVoice
    documents: Mapping[str, str]
    rung: list[str] = field(default_factory=list)

    def answer_stranger(self) -> Party:
        """The stranger picks up."""
        self.rung.append(STRANGER)
        return PassiveParty()


@asynccontextmanager
async def tool_rehearsal(platform: Platform, documents: Mapping[str, str] = DOCUMENTS) -> AsyncIterator[ToolRehearsal]:
    """The workspace with everything that the cases name, until the block ends. documents: texts by title; those of
    DOCUMENTS that are left out are of no case that is run."""
    model = ScriptedModel()
    async with AsyncExitStack() as running:
        workspace = await running.enter_async_context(connected_workspace(platform))
        await running.enter_async_context(time_server(platform, CLOCK))
        await running.enter_async_context(stock_tools(platform, COMMANDS.format(number=STRANGER)))
        await running.enter_async_context(running_speech(platform))
        await running.enter_async_context(running_model(platform, MODEL, model.reply_to))
        ids = {name: await add_document(platform, name, text) for name, text in documents.items()}
        rehearsal = ToolRehearsal(
            platform, workspace, model, CallerVoice(load_voice), dict.fromkeys(DOCUMENTS, "") | ids
        )
        platform.network.phone_network.subscribers[STRANGER] = Subscriber(party=rehearsal.answer_stranger)
        colleague = Subscriber(party=lambda: PassiveParty(longest_s=_TARGET_S))
        platform.network.phone_network.subscribers[COLLEAGUE] = colleague
        before = {carrier: await _read_config(platform, carrier) for carrier in CARRIERS}
        try:
            yield rehearsal
        finally:
            for carrier, config in before.items():
                await _put_config(platform, carrier, dict.fromkeys(_PARTS) | config)


async def run_tool_calls(
    rehearsal: ToolRehearsal, first_number: int, names: Collection[str] = ()
) -> list[CallWithTools]:
    """Runs the cases over both carriers, three calls of a carrier at a time. first_number: of the callers. names: of
    the cases; all, where there are none."""
    every = [series for carrier in CARRIERS for series in make_series(rehearsal, carrier, first_number)]
    every = [[call for call in series if not names or call.case.name in names] for series in every]
    calls = [call for series in every for call in series]
    await add_contacts(rehearsal, [call.number for call in calls if call.case.name in KNOWN])
    locks = {carrier: asyncio.Lock() for carrier in CARRIERS}
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*(run_series(rehearsal, series, locks) for series in every))
    return calls


async def run_uncertain_calls(rehearsal: ToolRehearsal, first_number: int) -> list[CallWithTools]:
    """A booking over each carrier whose calendar does not answer, one after the other: the calendar is the same."""
    calls, faults = [], rehearsal.workspace.vendors.faults
    for at, carrier in enumerate(CARRIERS):
        day = next_weekday(1 + at)
        call = CallWithTools(
            uncertain_case(day), carrier, f"+1646{first_number + at:07d}", f"{carrier}-uncertain.", day
        )
        faults.extend([None, *_SILENT])  # free/busy is answered
        try:
            await run_series(rehearsal, [call], {carrier: asyncio.Lock()})
        finally:
            faults.clear()
        calls.append(call)
    return calls


def make_series(rehearsal: ToolRehearsal, carrier: CarrierName, first_number: int) -> list[list[CallWithTools]]:
    """The calls of a carrier, in lists whose calls come one after the other. Each carrier has a day of its own."""
    day, first = next_weekday(1 + CARRIERS.index(carrier)), first_number + 100 * CARRIERS.index(carrier)
    made = []
    others = (*content_cases(rehearsal.documents), *hostile_cases(rehearsal.documents))
    for row, cases in enumerate((booking_cases(day), others, fault_cases())):
        series = []
        for at, case in enumerate(cases):
            number = first + 10 * row + (0 if case.name in KNOWN else 1 + at)
            series.append(CallWithTools(case, carrier, f"+1646{number:07d}", f"{carrier}-{row}-{at}.", day))
        made.append(series)
    return made


def next_weekday(weekday: int) -> datetime:
    """Ten o'clock of a weekday (Monday is 0) at least two days from now, in UTC."""
    day = datetime.now(UTC).date() + timedelta(days=2)
    return datetime.combine(day + timedelta(days=(weekday - day.weekday()) % 7), time(10), UTC)


async def add_contacts(rehearsal: ToolRehearsal, numbers: Sequence[str]) -> None:
    """Adds the known caller to the CRM, by each of the numbers, and copies the contacts."""
    if not numbers:
        return
    for number in dict.fromkeys(numbers):
        rehearsal.workspace.vendors.contacts.add(firstname=FIRST_NAME, lastname="Miller", phone=number)
    await rehearsal.workspace.sync()


async def run_series(
    rehearsal: ToolRehearsal, calls: Sequence[CallWithTools], locks: Mapping[CarrierName, asyncio.Lock]
) -> None:
    """Runs the calls one after the other. locks: each is held while a call of the carrier begins, because its plan has
    the agent's config of that moment."""
    for call in calls:
        await _run_call(rehearsal, call, locks[call.carrier])
        if call.case.booked is not None:
            call.booked = booked_hours(rehearsal.workspace.vendors.calendars, call.day)


def booked_hours(calendars: GoogleCalendars, day: datetime) -> tuple[int, ...]:
    """Hours (UTC) of that day's events in the vendor's calendar that are not canceled."""
    events = [one for one in calendars.events["primary"].values() if one["status"] != "cancelled"]
    starts = sorted(datetime.fromisoformat(event["start"]["dateTime"]).astimezone(UTC) for event in events)
    return tuple(start.hour for start in starts if start.date() == day.date())


async def _run_call(rehearsal: ToolRehearsal, call: CallWithTools, begins: asyncio.Lock) -> None:
    turns = await prepare_turns(CallerScript(tuple(Turn(Say(text)) for text in call.case.said)), rehearsal.voice)
    call.party = party = PatientCaller(turns, call.has_answer, call.case.interrupts_after_ms)
    rehearsal.model.calls[call.key] = call
    called = rehearsal.platform.workspace.agents[call.carrier].number
    async with begins:
        await _put_config(rehearsal.platform, call.carrier, _agent_config(call))
        network = rehearsal.platform.network.phone_network
        running = asyncio.create_task(network.call(call.number, called, party, on_event=call.note))
        while not party.has_heard and not running.done():  # noqa: ASYNC110 -- the network gives no signal
            await asyncio.sleep(0.05)
    call.outcome = await running


def _agent_config(call: CallWithTools) -> dict[str, Any]:
    model = "receptionist" if call.case.script is None else MODEL
    local = [{"provider": "local"}]
    return {
        **dict.fromkeys(_PARTS),
        "prompt": f"You are the front desk. This is case {call.key}",
        "greeting": "Hello, this is the front desk.",
        "variables": {"contact_first_name": {"default": "there"}},
        "tools": [],
        "analysis": {"enabled": False},
        "limits": {"reply_s": REPLY_S},
        "speech": {"stt": local, "llm": [{"provider": model}], "tts": local},
        **call.case.config,
    }


async def _read_config(platform: Platform, carrier: CarrierName) -> dict[str, Any]:
    path = f"{platform.workspace.path}/agents/{platform.workspace.agents[carrier].id}"
    config: dict[str, Any] = (await platform.workspace.owner.request("GET", path))["agent"]["config"]
    return config


async def _put_config(platform: Platform, carrier: CarrierName, config: Mapping[str, Any]) -> None:
    path = f"{platform.workspace.path}/agents/{platform.workspace.agents[carrier].id}"
    await platform.workspace.owner.request("PUT", path, {"config": config})
