"""How a call ends: last words first, the first reason stands, and never without bound."""

import pytest

from media.call.ending import LONGEST_GOODBYE_MS, Ending
from shared.events import EndReason


class Phone:
    """A line that can only be hung up, and the call's clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.hung_up = 0

    def play(self, ulaw: bytes) -> None:
        raise AssertionError

    def mark(self, name: str) -> None:
        raise AssertionError

    def clear(self) -> None:
        raise AssertionError

    def hang_up(self) -> None:
        self.hung_up += 1


def made() -> tuple[Ending, Phone]:
    phone = Phone()
    return Ending(phone, lambda: phone.now), phone


def test_waits_for_the_last_words() -> None:
    ending, phone = made()
    ending.begin("agent_hangup", "", after_words=True)
    ending.tick(5_000)
    assert phone.hung_up == 0
    ending.agent_over()
    assert phone.hung_up == 1


def test_or_does_not_wait() -> None:
    ending, phone = made()
    ending.begin("provider_error", "acme", after_words=False)
    assert (phone.hung_up, ending.reason, ending.detail) == (1, "provider_error", "acme")


def test_the_end_of_an_utterance_alone_ends_nothing() -> None:
    ending, phone = made()
    ending.agent_over()
    ending.tick(1e9)
    assert phone.hung_up == 0
    assert ending.reason is None


def test_the_first_reason_stands() -> None:
    ending, phone = made()
    ending.begin("silence", "a", after_words=True)
    ending.begin("provider_error", "b", after_words=False)
    assert (ending.reason, ending.detail, phone.hung_up) == ("silence", "a", 1)


@pytest.mark.parametrize("goodbye", ["agent_hangup", "silence"])
@pytest.mark.parametrize("reason", ["max_duration", "spend_limit", "admin"])
def test_whatever_else_is_decided_during_a_goodbye_holds(goodbye: EndReason, reason: EndReason) -> None:
    ending, phone = made()
    ending.begin(goodbye, "a", after_words=True)
    assert not ending.is_settled
    ending.begin(reason, "b", after_words=True)
    assert (ending.reason, ending.detail, ending.is_settled, phone.hung_up) == (reason, "b", True, 0)
    ending.begin("silence", "", after_words=True)
    ending.transfer("+14155550100", after_words=True)
    ending.interrupted()
    assert (ending.reason, ending.number, phone.hung_up) == (reason, "", 1)


def test_a_goodbye_becomes_a_transfer() -> None:
    ending, phone = made()
    ending.begin("agent_hangup", "", after_words=True)
    ending.transfer("+14155550100", after_words=True)
    ending.agent_over()
    ending.transfer("+14155550111", after_words=True)
    assert (ending.reason, ending.number, phone.hung_up) == ("transferred", "+14155550100", 1)


def test_nothing_is_decided_once_the_line_is_closed() -> None:
    ending, _ = made()
    ending.begin("agent_hangup", "", after_words=False)
    ending.begin("max_duration", "", after_words=True)
    assert (ending.reason, ending.is_settled) == ("agent_hangup", True)


def test_hangs_up_once() -> None:
    ending, phone = made()
    ending.begin("silence", "", after_words=False)
    ending.begin("silence", "", after_words=False)
    ending.agent_over()
    ending.tick(1e9)
    assert phone.hung_up == 1


def test_last_words_that_never_come_are_not_waited_for_for_ever() -> None:
    ending, phone = made()
    phone.now = 1_000
    ending.begin("silence", "", after_words=True)
    ending.tick(1_000 + LONGEST_GOODBYE_MS)
    assert phone.hung_up == 0
    ending.tick(1_001 + LONGEST_GOODBYE_MS)
    assert phone.hung_up == 1


def test_long_last_words_are_played_out() -> None:
    ending, phone = made()
    ending.begin("agent_hangup", "", after_words=True)
    for now in range(0, 60_000, 250):
        ending.tick(now, sounding=True)
    assert phone.hung_up == 0
    ending.tick(60_000 + LONGEST_GOODBYE_MS)
    assert phone.hung_up == 1


@pytest.mark.parametrize("reason", ["agent_hangup", "silence"])
def test_a_goodbye_that_the_caller_interrupts_is_taken_back(reason: EndReason) -> None:
    ending, phone = made()
    ending.begin(reason, "done", after_words=True)
    ending.interrupted()
    assert (ending.reason, ending.detail) == (None, "")
    ending.agent_over()
    assert phone.hung_up == 0
    phone.now = 50_000
    ending.begin("max_duration", "", after_words=True)
    ending.tick(50_001)
    assert (ending.reason, phone.hung_up) == ("max_duration", 0)


@pytest.mark.parametrize("reason", ["max_duration", "admin", "transferred", "provider_error"])
def test_any_other_ending_is_done_at_once(reason: EndReason) -> None:
    ending, phone = made()
    ending.begin(reason, "", after_words=True)
    ending.interrupted()
    assert (ending.reason, phone.hung_up) == (reason, 1)


def test_a_line_that_is_closed_stays_closed() -> None:
    ending, phone = made()
    ending.begin("agent_hangup", "", after_words=False)
    ending.interrupted()
    assert (ending.reason, phone.hung_up) == ("agent_hangup", 1)
