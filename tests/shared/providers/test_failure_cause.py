"""Why a provider failed, by status and by class of error."""

import pytest

from media.providers.ports import ProviderBusy, ProviderError, ProviderSlow, ReplyUnusable
from shared.providers.errors import cause_of_status, make_closed, make_unreadable
from vendors.cartesia import wire as cartesia_wire
from vendors.deepgram import wire as deepgram_wire
from vendors.openai.wire import make_http_error


@pytest.mark.parametrize(
    ("status", "cause"),
    [(401, "unauthorized"), (403, "unauthorized"), (404, "refused"), (302, "refused"), (500, "error")],
)
def test_cause_of_a_status(status: int, cause: str) -> None:
    assert cause_of_status(status) == cause


def test_cause_of_each_class() -> None:
    assert ProviderError("a", "b").cause == "error"
    assert ProviderError("a", "b", cause="cut").cause == "cut"
    assert ProviderBusy("a", "b").cause == "rate_limited"
    assert ProviderBusy("a", "b", retryable=False).cause == "quota"
    assert ProviderSlow("a", "b").cause == "late"
    assert ReplyUnusable("a", "b").cause == "empty"


@pytest.mark.parametrize(
    ("status", "cause"),
    [(401, "unauthorized"), (402, "quota"), (429, "rate_limited"), (400, "refused"), (504, "late"), (500, "error")],
)
def test_cause_of_what_a_chat_server_answers(status: int, cause: str) -> None:
    assert make_http_error("a", status, b"").cause == cause


def test_cause_of_what_speech_vendors_report() -> None:
    assert deepgram_wire.map_close("a", 1011, "NET-0001 no audio").cause == "cut"
    assert make_unreadable("a").cause == "unreadable"
    assert make_closed("a", 1006).cause == "cut"
    assert cartesia_wire.make_error("a", cartesia_wire.ErrorEvent(402)).cause == "quota"
    assert cartesia_wire.make_error("a", cartesia_wire.ErrorEvent(401)).cause == "unauthorized"
