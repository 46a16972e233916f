"""What a workspace redacts is in no row, message or recording of its calls, whatever turn or batch it came in."""

import io
import re
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest

from control.calls.events.service import parse_event, write_events
from control.calls.recordings.rules import CarrierRecording
from control.calls.recordings.service import (
    JOIN_RECORDINGS,
    REDACT_RECORDINGS,
    FetchRecordingJob,
    RedactRecordingsJob,
    add_recording,
)
from control.calls.recordings.tasks import make_fetch_recording_job, make_redact_recordings_job
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.word_times import make_words
from control.carriers.service import Carriers
from control.db.jobs import JobFailed
from control.redaction.finder import KINDS
from control.workspaces.service import Workspaces
from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallUsage,
    DigitPressed,
    DigitsSent,
    Event,
    RecordingReady,
    ToolRan,
)
from shared.storage import ObjectNotFound, StorageUnavailable
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace
from tests.control.calls.consumed_events import encoded_event, stored_events, stored_utterances

RATE = 8_000
LENGTH_MS = 20_000
ENDED = CallEnded("completed", "caller_hangup", "", LENGTH_MS, CallUsage(call_ms=LENGTH_MS))
FIRST_HALF, SECOND_HALF = "four one one one one one one one", "and then one one one one one one one one"
HALVES: Sequence[Event] = (
    AgentSaid(0, "Which number?", 100, 900),
    CallerSaid(1, FIRST_HALF, 2_000, 4_000),
    AgentSaid(1, "Go on.", 5_000, 5_500),
    CallerSaid(2, SECOND_HALF, 6_000, 8_000),
)
# Never part of a random id, as four bare digits may be.
CARD_END = re.compile(r"(?<![\w-])1111(?![\w-])|41111111")
CARD = "[redacted: card number]"


async def admit(platform: CallPlatform, kinds: Sequence[str] = KINDS) -> tuple[LiveWorkspace, AdmittedCall]:
    workspace = await platform.create_workspace()
    await choose(platform, workspace, kinds)
    return workspace, await platform.admit(workspace)


async def choose(platform: CallPlatform, workspace: LiveWorkspace, kinds: Sequence[str]) -> None:
    await platform.in_workspace(
        workspace,
        lambda db: platform.services[Workspaces].update(
            db, workspace.actor, workspace.workspace_id, {"redaction": list(kinds)}, NOW
        ),
    )


async def write(platform: CallPlatform, call: AdmittedCall, first_seq: int, *events: Event) -> None:
    lines = [encoded_event(call.call_id, seq, event, seq) for seq, event in enumerate(events, first_seq)]
    parsed = [parse_event(str(place), line) for place, line in enumerate(lines)]
    await platform.in_platform(lambda db: write_events(db, parsed))


async def all_texts(platform: CallPlatform, call_id: UUID) -> str:
    """Everything that rows of the call hold."""
    events = [event["event_data"] for event in await stored_events(platform, call_id)]
    row = await platform.call_row(call_id)
    return repr((events, await stored_utterances(platform, call_id), row["transcription"]))


async def run_job(platform: CallPlatform, call: AdmittedCall) -> None:
    run = make_redact_recordings_job(platform.pool, platform.storage)
    await run(msgspec.json.encode(RedactRecordingsJob(call.call_id)))


def stream_key(call: AdmittedCall, leg: int = 0) -> str:
    return f"recordings/{call.workspace_id}/{call.call_id}-{leg}.wav"


def make_wav(ms: int = LENGTH_MS, silent_ms: int = 0) -> bytes:
    """A recording as media makes it: stereo; silent before its stream began."""
    samples = np.full((ms * RATE // 1_000, 2), 1_000, dtype="<i2")
    samples[: silent_ms * RATE // 1_000] = 0
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples.tobytes())
    return file.getvalue()


def silent_stretches(content: bytes) -> list[tuple[int, int]]:
    """Where a recording is silent on both sides, in ms."""
    with wave.open(io.BytesIO(content)) as wav:
        samples = np.frombuffer(wav.readframes(wav.getnframes()), dtype="<i2").reshape(-1, 2)
    quiet = np.concatenate([[False], ~samples.any(axis=1), [False]])
    edges = np.flatnonzero(quiet[1:] != quiet[:-1]) * 1_000 // RATE
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


async def put_recording(platform: CallPlatform, call: AdmittedCall, leg: int = 0, **shape: int) -> RecordingReady:
    await platform.storage.put(stream_key(call, leg), make_wav(**shape))
    return RecordingReady(stream_key(call, leg), shape.get("ms", LENGTH_MS), leg)


@pytest.mark.parametrize("at_once", [True, False])
async def test_number_in_several_turns_is_in_no_row(platform: CallPlatform, at_once: bool) -> None:
    _, call = await admit(platform)
    for batch in [HALVES] if at_once else [HALVES[:3], HALVES[3:]]:
        await write(platform, call, 1 + HALVES.index(batch[0]), *batch)
    texts = [stored_utterance["text"] for stored_utterance in await stored_utterances(platform, call.call_id)]
    assert texts == ["Which number?", CARD, "Go on.", f"and then {CARD}"]
    assert [event["event_data"]["text"] for event in await stored_events(platform, call.call_id)] == texts
    assert "one one" not in await all_texts(platform, call.call_id)


@pytest.mark.parametrize("at_once", [True, False])
async def test_no_word_of_a_number_is_left_and_the_others_keep_their_times(
    platform: CallPlatform, at_once: bool
) -> None:
    workspace, call = await admit(platform)
    times = tuple(range(6_000, 8_000, 100))
    halves = [*HALVES[:3], CallerSaid(2, SECOND_HALF, 6_000, 8_000, times)]
    for batch in [halves] if at_once else [halves[:3], halves[3:]]:
        await write(platform, call, 1 + halves.index(batch[0]), *batch)
    assert "word_ms" not in repr([event["event_data"] for event in await stored_events(platform, call.call_id)])
    records = platform.records
    _, said = await platform.in_workspace(
        workspace, lambda db: records.get_transcription(db, call.workspace_id, call.call_id)
    )
    words = [word for one in said for word in make_words(one)]
    assert [(word.text, word.start_ms, word.end_ms, word.timing) for word in words if word.start_ms >= 6_000] == [
        ("and", 6_000, 6_100, "vendor"),
        ("then", 6_200, 6_300, "vendor"),
        (CARD, 6_400, 7_900, "vendor"),
    ]
    assert not {"one", "four"} & {word.text for word in words}


async def test_order_of_the_batches_does_not_matter(platform: CallPlatform) -> None:
    """A node that lost Redis sends its events later."""
    _, call = await admit(platform)
    await write(platform, call, 4, HALVES[3])
    await write(platform, call, 1, *HALVES[:3])
    assert "one one" not in await all_texts(platform, call.call_id)


async def test_tool_results_keys_and_unsaid_words_are_redacted(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    await write(
        platform,
        call,
        1,
        ToolRan(1, "look_up", True, '{"mail": "john.smith@example.com", "seats": 2}', 10),
        *(DigitPressed(100 * place, digit) for place, digit in enumerate("4111")),
        DigitsSent(900, "41111111", "run-1"),
        AgentSaid(1, "Your card is", 5_000, 5_500, True, "Your card is 4111 1111 1111 1111."),
    )
    stored = await all_texts(platform, call.call_id)
    assert "john" not in stored and "seats" in stored and not CARD_END.search(stored)
    digits = [
        stored_event["event_data"]
        for stored_event in await stored_events(platform, call.call_id)
        if "dtmf" in stored_event["event_type"]
    ]
    assert [one.get("digit", one.get("digits")) for one in digits] == [""] * 5


async def test_only_chosen_kinds_are_redacted_and_none_by_default(platform: CallPlatform) -> None:
    said = CallerSaid(1, "4111 1111 1111 1111 and jo@example.com", 1_000, 2_000)
    for kinds, text in [
        ((), "4111 1111 1111 1111 and jo@example.com"),
        (("email",), "4111 1111 1111 1111 and [redacted: email]"),
    ]:
        _, call = await admit(platform, kinds)
        await write(platform, call, 1, said)
        assert [stored_utterance["text"] for stored_utterance in await stored_utterances(platform, call.call_id)] == [
            text
        ]


async def test_running_call_is_redacted_whole_and_stays_so(platform: CallPlatform) -> None:
    workspace, call = await admit(platform, ())
    await write(platform, call, 1, CallerSaid(1, "4111 1111 1111 1111", 1_000, 2_000))
    await choose(platform, workspace, KINDS)
    await write(platform, call, 2, CallerSaid(2, "That is one.", 3_000, 4_000))
    assert not CARD_END.search(await all_texts(platform, call.call_id))
    await choose(platform, workspace, ())
    await write(platform, call, 3, CallerSaid(3, "Again 4111 1111 1111 1111", 5_000, 6_000))
    assert not CARD_END.search(await all_texts(platform, call.call_id))


async def test_recording_is_withheld_until_it_is_silent_where_it_must_be(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    await write(platform, call, 1, *HALVES, await put_recording(platform, call))
    assert (await platform.call_row(call.call_id))["recording_key"] is None
    with pytest.raises(JobFailed, match="not over yet"):
        await run_job(platform, call)
    await write(platform, call, 6, ENDED)
    assert msgspec.json.encode(RedactRecordingsJob(call.call_id)) in await platform.job_payloads(REDACT_RECORDINGS)
    await run_job(platform, call)
    row = await platform.call_row(call.call_id)
    assert (row["recording_key"], row["recording_seconds"]) == (
        stream_key(call).replace("-0.wav", "-0-redacted.wav"),
        20,
    )
    content = await platform.storage.get(row["recording_key"])
    assert len(content) == len(make_wav())
    assert silent_stretches(content) == [(1_750, 4_250), (5_750, 8_250)]
    with pytest.raises(ObjectNotFound):
        await platform.storage.get(stream_key(call))


async def test_only_the_words_of_a_number_are_silent_where_their_times_are_known(platform: CallPlatform) -> None:
    """The first turn has none of its words' times: it is silent whole."""
    _, call = await admit(platform)
    times = tuple(range(6_000, 8_000, 100))
    said = CallerSaid(2, SECOND_HALF, 6_000, 8_000, times)  # "and then" end at 6,300
    await write(platform, call, 1, *HALVES[:3], said, await put_recording(platform, call), ENDED)
    await run_job(platform, call)
    content = await platform.storage.get((await platform.call_row(call.call_id))["recording_key"])
    assert silent_stretches(content) == [(1_750, 4_250), (6_300 - 450, 8_250)]


async def test_late_turn_withholds_the_recording_again(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    await write(platform, call, 1, *HALVES[:3], await put_recording(platform, call), ENDED)
    await run_job(platform, call)
    before = await platform.call_row(call.call_id)
    assert silent_stretches(await platform.storage.get(before["recording_key"])) == []
    await write(platform, call, 10, HALVES[3])
    assert (await platform.call_row(call.call_id))["recording_key"] is None
    await run_job(platform, call)
    await run_job(platform, call)  # a repeat changes nothing
    after = await platform.call_row(call.call_id)
    assert silent_stretches(await platform.storage.get(after["recording_key"])) == [(1_750, 4_250), (5_750, 8_250)]


async def test_recording_that_is_uploaded_again_replaces_the_redacted_one(platform: CallPlatform) -> None:
    """The next process of a killed node finds the file and stores it under its first key."""
    _, call = await admit(platform)
    await write(platform, call, 1, *HALVES, await put_recording(platform, call), ENDED)
    await run_job(platform, call)
    await write(platform, call, 20, await put_recording(platform, call))
    await run_job(platform, call)
    row = await platform.call_row(call.call_id)
    assert len(row["details"]["recordings"]) == 1
    assert len(silent_stretches(await platform.storage.get(row["recording_key"]))) == 2
    with pytest.raises(ObjectNotFound):
        await platform.storage.get(stream_key(call))


async def test_recordings_of_a_resumed_call_are_redacted_and_joined(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    first = await put_recording(platform, call, ms=5_000)
    second = await put_recording(platform, call, 1, silent_ms=5_500)
    await write(platform, call, 1, *HALVES, first, second, ENDED)
    assert not await platform.job_payloads(JOIN_RECORDINGS)
    await run_job(platform, call)
    row = await platform.call_row(call.call_id)
    assert row["recording_key"] == f"recordings/{call.workspace_id}/{call.call_id}.wav"
    content = await platform.storage.get(row["recording_key"])
    assert silent_stretches(content) == [(1_750, 4_250), (5_000, 5_500), (5_750, 8_250)]
    assert len(content) == len(make_wav())


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (CallerSaid(1, "4111 1111 1111 1111", 3_000, 3_000), "no_times"),
        (CallerSaid(1, "4111 1111 1111 1111", LENGTH_MS, LENGTH_MS + 900), "not_in_recording"),
        (AgentSaid(0, "Hello?", 100, 900), "no_transcript"),
    ],
)
async def test_recording_is_withheld_where_nobody_can_tell_what_must_be_silent(
    platform: CallPlatform, said: Event, reason: str
) -> None:
    _, call = await admit(platform)
    await write(platform, call, 1, said, await put_recording(platform, call), ENDED)
    await run_job(platform, call)
    row = await platform.call_row(call.call_id)
    assert row["recording_key"] is None
    assert row["details"]["redaction"] == {"kinds": sorted(KINDS), "withheld": reason}


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF of another kind",
        make_wav() + b"data" + (8_000).to_bytes(4, "little") + b"\x01" * 8_000,  # samples in a second chunk
        make_wav() + b"\x01" * 8_000,  # more than the header states
        make_wav().replace(b"\x01\x00\x02\x00", b"\x07\x00\x02\x00", 1),  # mu-law
        b"",
    ],
    ids=["no WAV", "two chunks", "stale header", "mu-law", "empty"],
)
async def test_recording_that_cannot_be_silenced_stays_withheld(platform: CallPlatform, content: bytes) -> None:
    _, call = await admit(platform)
    await write(platform, call, 1, *HALVES, await put_recording(platform, call), ENDED)
    await platform.storage.put(stream_key(call), content)
    with pytest.raises(JobFailed) as raised:
        await run_job(platform, call)
    assert raised.value.is_permanent
    assert (await platform.call_row(call.call_id))["recording_key"] is None


async def test_storage_that_fails_withholds_the_recording_until_a_later_try(
    platform: CallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, call = await admit(platform)
    await write(platform, call, 1, *HALVES, await put_recording(platform, call), ENDED)

    async def fail(self: Any, key: str, source: bytes | Path) -> None:
        raise StorageUnavailable("put")

    with monkeypatch.context() as patch:
        patch.setattr(type(platform.storage), "put", fail)
        with pytest.raises(JobFailed, match="StorageUnavailable"):
            await run_job(platform, call)
    assert (await platform.call_row(call.call_id))["recording_key"] is None
    await run_job(platform, call)
    assert (await platform.call_row(call.call_id))["recording_key"] is not None


async def test_recording_by_the_carrier_is_not_kept(platform: CallPlatform) -> None:
    """Even where no event of the call has come yet."""
    _, call = await admit(platform)
    recording = CarrierRecording("twilio", call.carrier_call_id, "RE1", "https://x.example/RE1", 30)
    await platform.in_platform(lambda db: add_recording(db, recording))
    run = make_fetch_recording_job(platform.pool, Carriers({"twilio": platform.gateway}), platform.storage)
    await run(msgspec.json.encode(FetchRecordingJob(call.call_id, "RE1")))
    assert (platform.gateway.fetched, platform.gateway.deleted) == ([], ["RE1"])
    assert (await platform.call_row(call.call_id))["recording_key"] is None
    assert await platform.storage.list_keys() == []
