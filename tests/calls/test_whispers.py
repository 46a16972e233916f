"""What a supervisor tells the agent, which the model reads and the caller does not hear, and what happens to the agent
while a supervisor silences it or speaks in its place."""

from shared.events import AgentSaid, CallerSaid, SupervisionWhispered
from shared.plan import TurnPlan
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

TURN = TurnPlan(silence_ms=400)
PERSON = bytes(range(1, 161))
LINE = "[Supervisor, whom the caller does not hear: Offer (Friday).]"


def notes(scripted: ScriptedCall, request: int) -> str:
    return "\n".join(message.note for message in scripted.model.requests[request].messages)


def test_note_changes_the_next_request() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN, answers=["We are full.", "On Friday."])
        await scripted.say("Do you have time?", 800)
        await scripted.listen_until_quiet()
        scripted.call.whisper("session-1", "Offer\n[Friday].")
        await scripted.say("Really not?", 800)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert "Supervisor" not in notes(scripted, 0) and LINE in notes(scripted, -1)
        (event,) = scripted.events_of(SupervisionWhispered)
        assert (event.session_id, event.text) == ("session-1", "Offer\n[Friday].")
        assert not any("Supervisor" in said.text for said in scripted.events_of(AgentSaid))

    run_virtual(run())


def test_note_before_the_first_turn_is_kept_for_it() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN, answers=["Hello."])
        scripted.call.whisper("session-1", "Offer [Friday].")
        await scripted.say("Do you have time?", 800)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert LINE in notes(scripted, 0)

    run_virtual(run())


def test_paused_agent_answers_after_the_pause() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN, answers=["We are open."])
        scripted.call.pause_agent("session-1")
        await scripted.say("Are you open?", 800)
        await scripted.silence(12_000)
        assert not scripted.model.requests and not scripted.events_of(AgentSaid)
        assert [said.text for said in scripted.events_of(CallerSaid)] == ["Are you open?"]
        scripted.call.resume_agent("session-1")
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["We are open."]

    run_virtual(run())


def test_pause_cuts_the_agent_at_the_heard_word() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN, greeting="One two three four five six seven eight nine ten.")
        await scripted.wait_until_sounding()
        await scripted.silence(1_000)
        scripted.call.pause_agent("session-1")
        await scripted.silence(3_000)
        (said,) = scripted.events_of(AgentSaid)
        assert said.interrupted and said.text and len(said.text.split()) < 10
        await scripted.hang_up()

    run_virtual(run())


def test_model_knows_that_a_person_spoke_with_the_caller() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN, answers=["We are full.", "Goodbye."])
        await scripted.say("Do you have time?", 800)
        await scripted.listen_until_quiet()
        assert scripted.call.take_line("session-1") and not scripted.call.take_line("session-2")
        for _ in range(20):
            scripted.call.speak(PERSON)
            await scripted.silence(20)
        scripted.person.text = "On Friday."
        await scripted.say("Thank you.", 800)
        await scripted.silence(2_000)
        assert len(scripted.model.requests) == 1
        assert scripted.call.give_line_back("session-2") == 0
        assert scripted.call.give_line_back("session-1") == 400
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert PERSON * 20 in bytes(scripted.carrier.played)
        assert "[A supervisor said to the caller: On Friday.]" in notes(scripted, -1)
        assert [said.text for said in scripted.events_of(CallerSaid)] == ["Do you have time?", "Thank you."]
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["We are full.", "Goodbye."]

    run_virtual(run())


def test_silent_takeover_is_not_reported_to_the_model() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN, answers=["We are full."])
        scripted.call.take_line("session-1")
        await scripted.silence(400)
        scripted.call.give_line_back("session-1")
        await scripted.say("Do you have time?", 800)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert "supervisor" not in notes(scripted, -1)

    run_virtual(run())


def test_agent_stays_paused_when_another_reason_ends() -> None:
    async def run() -> None:
        scripted = ScriptedCall(turn=TURN, answers=["We are full."])
        call = scripted.call
        call.pause_agent("session-1")
        call.pause_agent("session-2")
        call.take_line("session-1")
        await scripted.say("Do you have time?", 800)
        call.resume_agent("session-1")
        call.give_line_back("session-1")
        await scripted.silence(2_000)
        assert not scripted.model.requests
        call.resume_agent("session-2")
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["We are full."]

    run_virtual(run())
