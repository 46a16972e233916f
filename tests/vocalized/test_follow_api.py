"""A call followed in the API: found, told to its end, and what is away in between."""

import aiohttp
import pytest

from shared.events import SEQ_PER_LEG, CallEnded, Envelope, Usage
from tests.vocalized.api_peer import CARRIER_CALL, USER, WORKSPACE, ApiPeer, renumbered
from tests.vocalized.telling import CALL_ID, envelopes
from vocalized import follow_api
from vocalized.api import Api
from vocalized.follow import NoEvents
from vocalized.follow_api import CallWatch


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_api, "_LOOK_S", 0.01)


def lost(seq: int) -> Envelope:
    return Envelope(CALL_ID, seq, "2026-11-24T12:00:00Z", CallEnded("failed", "media_lost", "", 900, Usage()))


async def followed(peer: ApiPeer, *, patience_s: float = 0.2, call: str = CARRIER_CALL) -> list[Envelope]:
    async with peer.running(), aiohttp.ClientSession() as session:
        watch = CallWatch(Api(session, peer.url), USER, WORKSPACE, patience_s)
        told = [envelope async for envelope in watch.events(call)]
        assert watch.call_id == CALL_ID
        return told


async def test_what_comes_piece_by_piece_is_told_once_and_in_order() -> None:
    all_of_it = envelopes()
    assert await followed(ApiPeer([all_of_it[:3], [], all_of_it[:5], all_of_it[5:]], status="in_progress")) == all_of_it


async def test_a_call_is_waited_for_and_one_that_nobody_knows_is_given_up() -> None:
    assert len(await followed(ApiPeer(known_after=4))) == len(envelopes())
    with pytest.raises(NoEvents, match="does not know the call"):
        await followed(ApiPeer(), call="CA-of-another")


async def test_a_stream_that_was_lost_is_not_the_calls_end() -> None:
    before = [*envelopes()[:4], lost(5)]
    after = renumbered(envelopes(), SEQ_PER_LEG + 1)
    told = await followed(ApiPeer([before, [], after], status="in_progress"))
    assert told == [*before, *after]


async def test_whoever_is_signed_out_meanwhile_signs_in_again() -> None:
    peer = ApiPeer([envelopes()[:3], [], envelopes()], tokens_last=2, status="in_progress")
    assert await followed(peer) == envelopes()
    assert peer.sign_ins > 1


async def test_an_api_that_is_away_for_a_moment_is_waited_for_and_not_for_ever() -> None:
    assert await followed(ApiPeer(away=5)) == envelopes()
    with pytest.raises(NoEvents, match="503"):
        await followed(ApiPeer(away=1_000))


async def test_a_call_that_is_over_without_its_last_event_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_api, "_LAST_WORDS_S", 0.05)
    with pytest.raises(NoEvents, match="last events did not come"):
        await followed(ApiPeer([envelopes()[:4]]))


async def test_an_api_that_cannot_be_reached_is_told() -> None:
    async with aiohttp.ClientSession() as session:
        watch = CallWatch(Api(session, "http://127.0.0.1:1"), USER, WORKSPACE, 0.05)
        with pytest.raises(NoEvents, match="POST /auth/login"):
            await anext(aiter(watch.events(CARRIER_CALL)))


@pytest.mark.parametrize("recording", [b"RIFF of a call", None])
async def test_the_recording_is_fetched_when_there_is_one(recording: bytes | None) -> None:
    async with ApiPeer(recording=recording).running() as peer, aiohttp.ClientSession() as session:
        watch = CallWatch(Api(session, peer.url), USER, WORKSPACE)
        _ = [envelope async for envelope in watch.events(CARRIER_CALL)]
        assert await watch.recording(0.05) == recording
        assert watch.recording_url == f"{peer.url}/workspaces/{WORKSPACE}/calls/{CALL_ID}/recording"
