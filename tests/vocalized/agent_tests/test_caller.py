"""The scripted caller, its choice of turns, and the world of a test call."""

import subprocess
import sys

import pytest

from control.agent_tests.rules import CaseScript, RecordedOutcome, ScriptedTurn
from media.tools.remote import ToolRequest
from media.tools.tool import ToolError
from tests.virtual_time import run_virtual
from vocalized.agent_tests.caller import FAREWELL_MS, PATIENCE_MS, HeardAgent, ScriptedCaller
from vocalized.agent_tests.turn_choice import choose_turn
from vocalized.agent_tests.world import UNKNOWN, RecordedTools
from vocalized.virtual_time import clock_ms

SPEECH = b"\x20" * 160 * 5  # 100 ms
BOOK = ScriptedTurn(text="Friday.", reacts_to="Which day suits you?", pause_ms=700)
NAME = ScriptedTurn(text="Ada King.", reacts_to="May I have your name, please?")


def silent_agent(heard: str, since_ms: float = 0.0, *, is_busy: bool = False) -> HeardAgent:
    return HeardAgent(heard, 0, False, is_busy, since_ms)


def talking_agent(words_begun: int, now_ms: float) -> HeardAgent:
    return HeardAgent("", words_begun, True, False, now_ms)


def make_caller(*turns: ScriptedTurn, hangs_up: bool = True) -> ScriptedCaller:
    script = CaseScript(turns=list(turns), hangs_up=hangs_up)
    return ScriptedCaller(script, dict.fromkeys(range(len(turns)), SPEECH))


def test_a_turn_begins_after_the_agents_words_and_the_recorded_pause() -> None:
    caller = make_caller(BOOK)
    agent = silent_agent("Which day suits you?", 1_000)
    caller.next_frame(1_680, agent)
    assert not caller.spoken
    caller.next_frame(1_700, agent)
    assert [(turn.place, turn.span.start_ms, turn.span.end_ms) for turn in caller.spoken] == [(0, 1_700, 1_800)]


def test_the_caller_waits_while_the_agent_speaks_or_a_tool_runs() -> None:
    caller = make_caller(BOOK)
    caller.next_frame(9_000, talking_agent(40, 9_000))
    caller.next_frame(9_000, silent_agent("Which day suits you?", 1_000, is_busy=True))
    assert not caller.spoken


def test_an_interruption_begins_at_its_word_whatever_the_time() -> None:
    caller = make_caller(ScriptedTurn(text="Stop.", reacts_to="We are open from", interrupts_after_words=4))
    caller.next_frame(500, talking_agent(3, 500))
    assert not caller.spoken
    caller.next_frame(7_000, talking_agent(4, 7_000))
    assert [(turn.place, turn.interrupts) for turn in caller.spoken] == [(0, True)]


def test_an_interruption_of_a_shorter_answer_follows_it() -> None:
    caller = make_caller(ScriptedTurn(text="Stop.", reacts_to="We are open from", interrupts_after_words=9))
    caller.next_frame(3_000, silent_agent("We are open.", 2_000))
    assert [turn.interrupts for turn in caller.spoken] == [False]


def test_a_silent_agent_does_not_hold_the_caller_for_ever() -> None:
    caller = make_caller(BOOK)
    caller.next_frame(PATIENCE_MS - 20, silent_agent(""))
    assert not caller.spoken
    caller.next_frame(PATIENCE_MS, silent_agent(""))
    assert caller.spoken


def test_the_caller_hangs_up_after_the_last_answer_if_the_script_says_so() -> None:
    for hangs_up in (True, False):
        caller = make_caller(ScriptedTurn(text="Hello.", pause_ms=0), hangs_up=hangs_up)
        for at_ms in range(0, 140, 20):
            caller.next_frame(at_ms, silent_agent(""))
        caller.next_frame(3_000 + FAREWELL_MS, silent_agent("Goodbye.", 3_000))
        assert (caller.has_hung_up, list(caller.unsaid)) == (hangs_up, [])


def test_turns_follow_the_agents_questions_in_another_order() -> None:
    turns = [BOOK, NAME]
    assert choose_turn(turns, [], "Which day would suit you best?") == 0
    assert choose_turn(turns, [], "First, may I have your name?") == 1
    assert choose_turn(turns, [1], "Thanks. And which day suits you?") == 0


def test_rewording_keeps_the_order() -> None:
    assert choose_turn([BOOK, NAME], [], "When would you like to come?") == 0
    assert choose_turn([BOOK, NAME], [0], "And who is calling?") == 1
    assert choose_turn([BOOK, NAME], [0, 1], "All done, goodbye.") is None


def test_a_question_asked_again_is_answered_again_once() -> None:
    assert choose_turn([BOOK, NAME], [0], "Sorry, which day suits you?") == 0
    assert choose_turn([BOOK, NAME], [0, 0], "Sorry, which day suits you?") == 1


def test_an_optional_turn_is_said_only_if_it_is_asked_for() -> None:
    birthday = ScriptedTurn(text="May 5.", reacts_to="What is your date of birth?", is_optional=True)
    assert choose_turn([birthday, BOOK], [], "Which day suits you?") == 1
    assert choose_turn([birthday, BOOK], [], "What is your date of birth, please?") == 0


def request(name: str, arguments: bytes) -> ToolRequest:
    return ToolRequest(name, arguments, "run", "call", "workspace", "agent", 30.0)


def test_tools_answer_in_order_with_faults_and_delays_and_nothing_else() -> None:
    async def run() -> None:
        tools = RecordedTools(
            [
                RecordedOutcome(name="book", result="busy", is_ok=False),
                RecordedOutcome(name="book", result="booked", delay_ms=400),
                RecordedOutcome(name="find", arguments={"day": "Friday"}, result="10:00"),
            ],
            clock_ms,
        )
        with pytest.raises(ToolError, match="busy"):
            await tools.run(request("book", b"{}"))
        assert [await tools.run(request("book", b"{}")) for _ in range(2)] == ["booked", "booked"]
        assert (tools.ended_ms, tools.running) == (800, 0)
        assert await tools.run(request("find", b'{"day": "Friday"}')) == "10:00"
        for unknown in (request("find", b'{"day": "Monday"}'), request("pay", b"{}")):
            with pytest.raises(ToolError, match=UNKNOWN):
                await tools.run(unknown)
        assert [(name, arguments) for name, arguments, _ in tools.unknown] == [
            ("find", '{"day": "Monday"}'), ("pay", "{}"),
        ]  # fmt: skip

    run_virtual(run())


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.getaddrinfo('example.com', 80)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "__import__('subprocess').run(['true'])",
        "__import__('os').system('true')",
    ],
)
def test_nothing_leaves_a_process_whose_egress_is_closed(attempt: str) -> None:
    code = (
        "import socket\nfrom vocalized.agent_tests.egress import EgressRefused, close_egress\nclose_egress()\n"
        f"try:\n    {attempt}\nexcept EgressRefused:\n    print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"
