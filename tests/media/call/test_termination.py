"""How a call ends: last words are played within a time limit, and the first reason stays."""

import pytest

from media.call.termination import LONGEST_GOODBYE_MS, CallTermination
from shared.events import EndReason


class ClosableStream:
    """A stream that can only be closed, and the call's clock."""

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


def make() -> tuple[CallTermination, ClosableStream]:
    stream = ClosableStream()
    return CallTermination(stream, lambda: stream.now), stream


def test_stream_is_closed_after_the_last_words() -> None:
    termination, stream = make()
    termination.begin("agent_hangup", "", after_speech=True)
    termination.tick(5_000)
    assert stream.hung_up == 0
    termination.agent_finished()
    assert stream.hung_up == 1


def test_stream_is_closed_at_once_without_last_words() -> None:
    termination, stream = make()
    termination.begin("provider_error", "acme", after_speech=False)
    assert (stream.hung_up, termination.reason, termination.detail) == (1, "provider_error", "acme")


def test_end_of_an_utterance_does_not_end_the_call() -> None:
    termination, stream = make()
    termination.agent_finished()
    termination.tick(1e9)
    assert stream.hung_up == 0
    assert termination.reason is None


def test_first_reason_stays() -> None:
    termination, stream = make()
    termination.begin("silence", "a", after_speech=True)
    termination.begin("provider_error", "b", after_speech=False)
    assert (termination.reason, termination.detail, stream.hung_up) == ("silence", "a", 1)


@pytest.mark.parametrize("goodbye", ["agent_hangup", "silence"])
@pytest.mark.parametrize("reason", ["max_duration", "spend_limit", "admin"])
def test_another_reason_during_a_goodbye_is_final(goodbye: EndReason, reason: EndReason) -> None:
    termination, stream = make()
    termination.begin(goodbye, "a", after_speech=True)
    assert not termination.is_final
    termination.begin(reason, "b", after_speech=True)
    assert (termination.reason, termination.detail, termination.is_final, stream.hung_up) == (reason, "b", True, 0)
    termination.begin("silence", "", after_speech=True)
    termination.transfer("+14155550100", after_speech=True)
    termination.interrupted()
    assert (termination.reason, termination.transfer_number, stream.hung_up) == (reason, "", 1)


def test_transfer_replaces_a_goodbye() -> None:
    termination, stream = make()
    termination.begin("agent_hangup", "", after_speech=True)
    termination.transfer("+14155550100", after_speech=True)
    termination.agent_finished()
    termination.transfer("+14155550111", after_speech=True)
    assert (termination.reason, termination.transfer_number, stream.hung_up) == ("transferred", "+14155550100", 1)


def test_reason_does_not_change_once_the_stream_is_closed() -> None:
    termination, _ = make()
    termination.begin("agent_hangup", "", after_speech=False)
    termination.begin("max_duration", "", after_speech=True)
    assert (termination.reason, termination.is_final) == ("agent_hangup", True)


def test_hangs_up_once() -> None:
    termination, stream = make()
    termination.begin("silence", "", after_speech=False)
    termination.begin("silence", "", after_speech=False)
    termination.agent_finished()
    termination.tick(1e9)
    assert stream.hung_up == 1


def test_stream_is_closed_when_last_words_do_not_come_within_20_s() -> None:
    termination, stream = make()
    stream.now = 1_000
    termination.begin("silence", "", after_speech=True)
    termination.tick(1_000 + LONGEST_GOODBYE_MS)
    assert stream.hung_up == 0
    termination.tick(1_001 + LONGEST_GOODBYE_MS)
    assert stream.hung_up == 1


def test_long_last_words_are_played_out() -> None:
    termination, stream = make()
    termination.begin("agent_hangup", "", after_speech=True)
    for now in range(0, 60_000, 250):
        termination.tick(now, is_agent_sounding=True)
    assert stream.hung_up == 0
    termination.tick(60_000 + LONGEST_GOODBYE_MS)
    assert stream.hung_up == 1


@pytest.mark.parametrize("reason", ["agent_hangup", "silence"])
def test_interrupted_goodbye_is_revoked(reason: EndReason) -> None:
    termination, stream = make()
    termination.begin(reason, "done", after_speech=True)
    termination.interrupted()
    assert (termination.reason, termination.detail) == (None, "")
    termination.agent_finished()
    assert stream.hung_up == 0
    stream.now = 50_000
    termination.begin("max_duration", "", after_speech=True)
    termination.tick(50_001)
    assert (termination.reason, stream.hung_up) == ("max_duration", 0)


@pytest.mark.parametrize("reason", ["max_duration", "admin", "transferred", "provider_error"])
def test_interruption_of_any_other_ending_closes_the_stream_at_once(reason: EndReason) -> None:
    termination, stream = make()
    termination.begin(reason, "", after_speech=True)
    termination.interrupted()
    assert (termination.reason, stream.hung_up) == (reason, 1)


def test_closed_stream_stays_closed() -> None:
    termination, stream = make()
    termination.begin("agent_hangup", "", after_speech=False)
    termination.interrupted()
    assert (termination.reason, stream.hung_up) == ("agent_hangup", 1)
