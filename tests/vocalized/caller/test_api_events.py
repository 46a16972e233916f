"""Reading a call's events from the API, also while it is unavailable."""

import aiohttp
import pytest

from shared.events import SEQ_PER_LEG, CallEnded, CallUsage, EventEnvelope
from tests.vocalized.call_events import CALL_ID, envelopes
from tests.vocalized.fake_api import CARRIER_CALL, USER, WORKSPACE, FakeApi, renumbered
from vocalized.caller import api_events
from vocalized.caller.api_events import ApiCall
from vocalized.caller.call_reader import customer_reader
from vocalized.caller.finished_call import EventsUnavailable
from vocalized.stack.api_client import ApiClient


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_events, "_POLL_S", 0.01)


def call_lost(seq: int) -> EventEnvelope:
    return EventEnvelope(CALL_ID, seq, "2026-11-24T12:00:00Z", CallEnded("failed", "media_lost", "", 900, CallUsage()))


async def read_events(peer: FakeApi, *, patience_s: float = 0.2, call: str = CARRIER_CALL) -> list[EventEnvelope]:
    async with peer.running(), aiohttp.ClientSession() as session:
        api_call = ApiCall([customer_reader(ApiClient(session, peer.url), USER, WORKSPACE)], patience_s)
        events = [envelope async for envelope in api_call.events(call)]
        assert api_call.call_id == CALL_ID
        return events


async def test_events_that_arrive_in_parts_are_yielded_once_in_order() -> None:
    all_of_it = envelopes()
    assert (
        await read_events(FakeApi([all_of_it[:3], [], all_of_it[:5], all_of_it[5:]], status="in_progress")) == all_of_it
    )


async def test_call_is_awaited_and_an_unknown_one_times_out() -> None:
    assert len(await read_events(FakeApi(known_after=4))) == len(envelopes())
    with pytest.raises(EventsUnavailable, match="does not know the call"):
        await read_events(FakeApi(), call="CA-of-another")


async def test_call_that_no_agent_answers_has_no_events_but_a_reason() -> None:
    refused = FakeApi([[]], status="failed", end_reason=None, end_detail="unknown_number")
    assert await read_events(refused) == []
    async with refused.running(), aiohttp.ClientSession() as session:
        api_call = ApiCall([customer_reader(ApiClient(session, refused.url), USER, WORKSPACE)], 0.2)
        assert await api_call.refusal(CARRIER_CALL) == "unknown_number"
    async with FakeApi().running() as answered, aiohttp.ClientSession() as session:
        api_call = ApiCall([customer_reader(ApiClient(session, answered.url), USER, WORKSPACE)], 0.2)
        assert await api_call.refusal(CARRIER_CALL) == ""


async def test_lost_stream_does_not_end_the_call() -> None:
    before = [*envelopes()[:4], call_lost(5)]
    after = renumbered(envelopes(), SEQ_PER_LEG + 1)
    events = await read_events(FakeApi([before, [], after], status="in_progress"))
    assert events == [*before, *after]


async def test_expired_session_signs_in_again() -> None:
    peer = FakeApi([envelopes()[:3], [], envelopes()], token_requests=2, status="in_progress")
    assert await read_events(peer) == envelopes()
    assert peer.sign_ins > 1


async def test_unavailable_api_is_retried_for_a_limited_time() -> None:
    assert await read_events(FakeApi(unavailable=5)) == envelopes()
    with pytest.raises(EventsUnavailable, match="503"):
        await read_events(FakeApi(unavailable=1_000))


async def test_ended_call_without_its_last_event_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_events, "_LAST_EVENTS_S", 0.05)
    with pytest.raises(EventsUnavailable, match="last events did not come"):
        await read_events(FakeApi([envelopes()[:4]]))


async def test_unreachable_api_is_reported() -> None:
    async with aiohttp.ClientSession() as session:
        api_call = ApiCall([customer_reader(ApiClient(session, "http://127.0.0.1:1"), USER, WORKSPACE)], 0.05)
        with pytest.raises(EventsUnavailable, match="POST /auth/login"):
            await anext(aiter(api_call.events(CARRIER_CALL)))


@pytest.mark.parametrize("recording", [b"RIFF of a call", None])
async def test_recording_is_downloaded_if_there_is_one(recording: bytes | None) -> None:
    async with FakeApi(recording=recording).running() as peer, aiohttp.ClientSession() as session:
        api_call = ApiCall([customer_reader(ApiClient(session, peer.url), USER, WORKSPACE)])
        _ = [envelope async for envelope in api_call.events(CARRIER_CALL)]
        assert await api_call.recording(0.05) == recording
        assert api_call.recording_url == f"{peer.url}/workspaces/{WORKSPACE}/calls/{CALL_ID}/recording"
