"""Recordings and sound files of Telnyx calls."""

import io
import wave
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray
from telnyx import NotFoundError

from simulator.carrier.mulaw import decode
from simulator.carrier.network.telnyx.alaw import encode as alaw
from tests.simulator.carrier.network.telnyx.account import RTP, Account, Payload, Speaker, account, eventually

LOUD = b"\x05" * 160


async def fetched(telnyx: Account, url: str, status: int = 200) -> bytes:
    async with telnyx.session.get(url) as answer:
        assert answer.status == status
        return await answer.read()


async def recorded(telnyx: Account, **options: object) -> Payload:
    """Records a whole call; returns the payload of call.recording.saved."""
    person = Speaker(frame=LOUD)
    control_id = await telnyx.place_answered_call(person, extra_body={"record": "record-from-answer", **options})
    await eventually(lambda: len(person.heard) >= 8_000)
    await telnyx.client.calls.actions.hangup(control_id)
    return await telnyx.customer.event("call.recording.saved")


def read_wav(content: bytes) -> tuple[int, NDArray[np.int16]]:
    """Channels and samples."""
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (8_000, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return file.getnchannels(), samples.reshape(-1, file.getnchannels())


async def test_a_call_recorded_from_its_answer_on_two_channels() -> None:
    async with account() as telnyx:
        person = Speaker(frame=LOUD)
        control_id = await telnyx.place_answered_call(
            person,
            stream_url=f"{telnyx.customer.media_url}/one",
            record="record-from-answer",
            record_format="wav",
            record_channels="dual",
            **RTP,
        )
        agent = await telnyx.customer.agent()
        await agent.play(b"\x11" * 1_600)
        await eventually(lambda: len(person.loud) == 1_600)
        await telnyx.client.calls.actions.hangup(control_id)
        saved = await telnyx.customer.event("call.recording.saved")
        leg = telnyx.carrier.calls.leg(control_id)
        assert (saved["call_leg_id"], saved["call_session_id"]) == (leg.leg_id, leg.session_id)
        assert saved["channels"] == "dual"
        channels, samples = read_wav(await fetched(telnyx, saved["recording_urls"]["wav"]))
        assert channels == 2
        assert (samples[:, 0] == decode(b"\x05")[0]).all()
        assert (samples[:, 1] == decode(b"\x11")[0]).sum() == 1_600
        assert len(samples) == len(person.heard)


async def test_single_channel_recording_mixes_both_sides() -> None:
    async with account() as telnyx:
        saved = await recorded(telnyx, record_format="wav", record_channels="single")
        channels, samples = read_wav(await fetched(telnyx, saved["recording_urls"]["wav"]))
        assert channels == 1
        assert set(samples[:, 0]) == {np.int16(decode(b"\x05")[0] / 2)}


async def test_default_format_is_mp3() -> None:
    async with account() as telnyx:
        saved = await recorded(telnyx)
        content = await fetched(telnyx, saved["recording_urls"]["mp3"])
        assert not content.startswith(b"RIFF")
        samples, rate = soundfile.read(io.BytesIO(content))
        assert rate == 8_000 and samples.shape[1] == 2 and len(samples) >= 8_000


async def test_recording_is_started_and_stopped_by_commands() -> None:
    async with account() as telnyx:
        person = Speaker()
        control_id = await telnyx.place_answered_call(person)
        await eventually(lambda: len(person.heard) >= 8_000)
        await telnyx.client.calls.actions.start_recording(control_id, channels="dual", format="wav")
        before = len(person.heard)
        await eventually(lambda: len(person.heard) >= before + 8_000)
        await telnyx.client.calls.actions.stop_recording(control_id)
        saved = await telnyx.customer.event("call.recording.saved")
        _, samples = read_wav(await fetched(telnyx, saved["recording_urls"]["wav"]))
        assert 8_000 <= len(samples) < len(person.heard) - 7_000
        assert telnyx.carrier.calls.leg(control_id).alive
        await telnyx.client.calls.actions.hangup(control_id)
        await telnyx.customer.event("call.hangup")
        assert telnyx.customer.types().count("call.recording.saved") == 1


async def test_recording_is_cut_at_max_length() -> None:
    async with account(speed=40.0) as telnyx:
        person = Speaker()
        control_id = await telnyx.place_answered_call(person)
        await telnyx.client.calls.actions.start_recording(control_id, channels="dual", format="wav", max_length=1)
        await eventually(lambda: len(person.heard) >= 16_000)
        await telnyx.client.calls.actions.hangup(control_id)
        saved = await telnyx.customer.event("call.recording.saved")
        _, samples = read_wav(await fetched(telnyx, saved["recording_urls"]["wav"]))
        assert len(samples) == 8_000


async def test_urls_expire_and_the_api_returns_new_ones() -> None:
    async with account(recording_link_s=-10.0) as telnyx:
        saved = await recorded(telnyx, record_format="wav")
        await fetched(telnyx, saved["recording_urls"]["wav"], 403)
    async with account() as telnyx:
        saved = await recorded(telnyx, record_format="wav")
        url = saved["recording_urls"]["wav"]
        await fetched(telnyx, url.replace("expires=", "expires=9"), 403)
        await fetched(telnyx, url.split("?")[0], 403)
        await fetched(telnyx, url)


async def test_recordings_are_listed_fetched_and_deleted() -> None:
    async with account() as telnyx:
        saved = await recorded(telnyx, record_format="wav")
        page = await telnyx.client.recordings.list(filter={"call_leg_id": saved["call_leg_id"]})
        (found,) = page.data
        assert found.id is not None and found.download_urls is not None and found.download_urls.wav is not None
        assert (found.status, found.channels) == ("completed", "dual")
        assert found.duration_millis is not None and found.duration_millis >= 1_000
        assert urlsplit(found.download_urls.wav).path == urlsplit(saved["recording_urls"]["wav"]).path
        assert (await telnyx.client.recordings.list(filter={"call_leg_id": "another"})).data == []
        one = (await telnyx.client.recordings.retrieve(found.id)).data
        assert one is not None and one.call_session_id == saved["call_session_id"]
        await telnyx.client.recordings.delete(found.id)
        with pytest.raises(NotFoundError):
            await telnyx.client.recordings.retrieve(found.id)
        await fetched(telnyx, saved["recording_urls"]["wav"], 404)


async def test_dial_returns_the_recording_id() -> None:
    async with account() as telnyx:
        dialed = await telnyx.client.calls.dial(
            connection_id="7001", from_="+14155550123", to="+12125550111", record="record-from-answer"
        )
        assert dialed.data is not None and dialed.data.recording_id
        await telnyx.customer.event("call.answered")
        await telnyx.client.calls.actions.hangup(dialed.data.call_control_id)
        saved = await telnyx.customer.event("call.recording.saved")
        assert "recording_id" not in saved and "call_control_id" not in saved
        found = (await telnyx.client.recordings.retrieve(dialed.data.recording_id)).data
        assert found is not None and found.call_leg_id == saved["call_leg_id"] == dialed.data.call_leg_id


async def test_a_sound_file_is_played() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.full(160_000, 0.3, dtype=np.float32), 8_000, format="WAV")
    async with account(speed=40.0) as telnyx:
        telnyx.customer.sound = file.getvalue()
        person = Speaker()
        control_id = await telnyx.place_answered_call(person)
        url = f"{telnyx.customer.url}/sound/one.wav"
        await telnyx.client.calls.actions.start_playback(control_id, audio_url=url)
        ended = await telnyx.customer.event("call.playback.ended")
        assert (ended["status"], ended["media_url"]) == ("completed", url)
        assert len(person.loud) == 160_000


async def test_playback_can_be_stopped() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.full(800_000, 0.3, dtype=np.float32), 8_000, format="WAV")
    async with account() as telnyx:
        telnyx.customer.sound = file.getvalue()
        control_id = await telnyx.place_answered_call(Speaker())
        await telnyx.client.calls.actions.start_playback(control_id, audio_url=f"{telnyx.customer.url}/sound/long.wav")
        await telnyx.customer.event("call.playback.started")
        await telnyx.client.calls.actions.stop_playback(control_id)
        assert (await telnyx.customer.event("call.playback.ended"))["status"] == "cancelled"
        assert telnyx.carrier.calls.leg(control_id).alive


@pytest.mark.parametrize(("content", "status"), [(b"", "file_not_found"), (b"no sound", "failed")])
async def test_unplayable_sound_file_is_reported(content: bytes, status: str) -> None:
    async with account() as telnyx:
        telnyx.customer.sound = content
        control_id = await telnyx.place_answered_call(Speaker())
        await telnyx.client.calls.actions.start_playback(control_id, audio_url=f"{telnyx.customer.url}/sound/one.wav")
        assert (await telnyx.customer.event("call.playback.ended"))["status"] == status
        assert "call.playback.started" not in telnyx.customer.types()


def test_a_law_equals_cpythons_audioop() -> None:
    samples = np.array([0, -1, 8, 16, -24, 988, -988, 32_767, -32_768], dtype=np.int16)
    assert alaw(samples).hex() == "d555d5d454fb7baa2a"
