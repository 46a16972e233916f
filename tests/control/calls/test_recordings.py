"""Recordings by carriers: copied before and after their address expires, stored, and deleted at the carrier."""

from dataclasses import dataclass, field
from typing import IO
from uuid import UUID

import msgspec
import pytest

from control.calls.recordings.rules import CarrierRecording
from control.calls.recordings.service import FETCH_RECORDING, FetchRecordingJob, add_recording
from control.calls.recordings.tasks import make_fetch_recording_job
from control.calls.records.callers import IncomingCall
from control.carriers.rules import CarrierName, CarrierRefused, CarrierUnavailable
from control.carriers.service import Carriers
from control.db.jobs import JobFailed, JobHandler
from shared.storage import Storage
from tests.control.calls.call_platform import NOW, CallPlatform, FakeCarrier

URL = "https://s3.example.com/x.wav?signature=1"


@dataclass(slots=True)
class Telnyx(FakeCarrier):
    """A carrier whose addresses expire, and that finds recordings by their legs. known: ids by leg."""

    name: CarrierName = "telnyx"
    known: dict[str, str] = field(default_factory=dict)
    requested: list[str] = field(default_factory=list)
    expired: bool = False
    ready: bool = True

    async def fetch_recording(self, recording: str, into: IO[bytes]) -> None:
        self.fetched.append(recording)
        self._answer("fetch_recording")
        if self.expired if "://" in recording else not self.ready:
            raise CarrierRefused("telnyx", "403", "the recording is not available")
        into.write(self.audio)

    async def find_recording(self, call_leg_id: str) -> str | None:
        self.requested.append(call_leg_id)
        self._answer("find_recording")
        return self.known.get(call_leg_id)


async def report_recording(
    platform: CallPlatform, name: str, recording_id: str, url: str = URL, leg: str = "leg-1"
) -> UUID:
    """A call whose recording was reported; returns its id."""
    workspace = await platform.create_workspace(carrier="telnyx")
    incoming = IncomingCall("telnyx", name, "+14155550100", workspace.number)
    await platform.in_platform(lambda db: platform.admission.admit_inbound(db, incoming, NOW))
    recording = CarrierRecording("telnyx", name, recording_id, url, 30, leg_id=leg)
    await platform.in_platform(lambda db: add_recording(db, recording))
    row = await platform.in_platform(lambda db: db.fetchrow("SELECT id FROM calls WHERE carrier_call_id = $1", name))
    call_id: UUID = row["id"]
    return call_id


def job(platform: CallPlatform, telnyx: Telnyx, *, delete: bool = True, storage: Storage | None = None) -> JobHandler:
    carriers = Carriers({"telnyx": telnyx})
    return make_fetch_recording_job(platform.pool, carriers, storage or platform.storage, delete=delete)


def payload(call_id: UUID, recording_id: str = "leg-1") -> bytes:
    """recording_id: the leg's id where the recording was reported without one."""
    return msgspec.json.encode(FetchRecordingJob(call_id, recording_id))


async def check_stored(platform: CallPlatform, call_id: UUID) -> None:
    """The recording is stored."""
    row = await platform.call_row(call_id)
    assert row["recording_key"] == f"recordings/{row['workspace_id']}/{call_id}-carrier.wav"
    assert row["recording_seconds"] == 30
    (stored,) = row["details"]["carrier_recordings"].values()
    assert row["recording_key"] == stored["key"]
    assert await platform.storage.get(row["recording_key"]) == b"RIFF"


async def test_recording_without_id_is_found_by_its_leg(platform: CallPlatform) -> None:
    telnyx = Telnyx(known={"leg-1": "R1"})
    call_id = await report_recording(platform, "v3:r1", "")
    run = job(platform, telnyx)
    await run(payload(call_id))
    await check_stored(platform, call_id)
    assert (telnyx.fetched, telnyx.deleted) == (["R1"], ["R1"])
    # Repeated after a crash before the job was finished: by then the carrier does not find it any more.
    telnyx.known.clear()
    await run(payload(call_id))
    assert (telnyx.fetched, telnyx.deleted) == (["R1"], ["R1", "R1"])


async def test_recording_without_known_id_is_copied_and_deleted_later(platform: CallPlatform) -> None:
    telnyx = Telnyx()
    call_id = await report_recording(platform, "v3:r2", "")
    run = job(platform, telnyx)
    with pytest.raises(JobFailed) as raised:
        await run(payload(call_id))
    assert not raised.value.is_permanent
    await check_stored(platform, call_id)
    assert (telnyx.fetched, telnyx.deleted) == ([URL], [])
    telnyx.known["leg-1"] = "R2"
    await run(payload(call_id))
    assert (telnyx.fetched, telnyx.deleted) == ([URL], ["R2"])


async def test_recording_that_stays_at_the_carrier_needs_no_id(platform: CallPlatform) -> None:
    telnyx = Telnyx()
    call_id = await report_recording(platform, "v3:r3", "")
    await job(platform, telnyx, delete=False)(payload(call_id))
    await check_stored(platform, call_id)
    assert telnyx.deleted == []


@pytest.mark.parametrize("recording_id", ["R4", ""])
async def test_expired_address_is_requested_again(platform: CallPlatform, recording_id: str) -> None:
    telnyx = Telnyx(known={"leg-1": "R4"}, expired=True)
    call_id = await report_recording(platform, f"v3:r4{recording_id}", recording_id)
    await job(platform, telnyx)(payload(call_id, recording_id or "leg-1"))
    await check_stored(platform, call_id)
    assert telnyx.deleted == ["R4"]


async def test_expired_address_without_id_is_retried(platform: CallPlatform) -> None:
    telnyx = Telnyx(expired=True)
    call_id = await report_recording(platform, "v3:r5", "")
    run = job(platform, telnyx)
    with pytest.raises(JobFailed) as raised:
        await run(payload(call_id))
    assert not raised.value.is_permanent
    telnyx.known["leg-1"] = "R5"
    await run(payload(call_id))
    await check_stored(platform, call_id)


async def test_reported_address_is_used_where_the_id_is_not_ready(platform: CallPlatform) -> None:
    telnyx = Telnyx(ready=False)
    call_id = await report_recording(platform, "v3:r6", "R6")
    await job(platform, telnyx)(payload(call_id, "R6"))
    await check_stored(platform, call_id)
    assert telnyx.fetched == ["R6", URL]


async def test_recording_refused_by_id_and_address_fails_permanently(platform: CallPlatform) -> None:
    telnyx = Telnyx(ready=False, expired=True)
    call_id = await report_recording(platform, "v3:r7", "R7")
    with pytest.raises(JobFailed) as raised:
        await job(platform, telnyx)(payload(call_id, "R7"))
    assert raised.value.is_permanent


async def test_unavailable_carrier_is_retried(platform: CallPlatform) -> None:
    telnyx = Telnyx(answers={"find_recording": CarrierUnavailable("telnyx", "timeout", "no answer in time")})
    call_id = await report_recording(platform, "v3:r8", "", url="")
    run = job(platform, telnyx)
    with pytest.raises(JobFailed) as raised:
        await run(payload(call_id))
    assert not raised.value.is_permanent
    telnyx.answers.clear()
    telnyx.known["leg-1"] = "R8"
    await run(payload(call_id))
    await check_stored(platform, call_id)
    assert telnyx.fetched == ["R8"]


async def test_each_recording_of_a_call_is_copied_and_deleted(platform: CallPlatform) -> None:
    telnyx = Telnyx(audio=b"RIFF one")
    call_id = await report_recording(platform, "v3:r9", "R9")
    second = CarrierRecording("telnyx", "v3:r9", "R10", URL, 12, leg_id="leg-1")
    await platform.in_platform(lambda db: add_recording(db, second))
    run = job(platform, telnyx)
    await run(payload(call_id, "R9"))
    telnyx.audio = b"RIFF two"
    await run(payload(call_id, "R10"))
    row = await platform.call_row(call_id)
    base = f"recordings/{row['workspace_id']}/{call_id}-carrier"
    assert (row["recording_key"], row["recording_seconds"]) == (f"{base}.wav", 30)
    keys = {name: recording["key"] for name, recording in row["details"]["carrier_recordings"].items()}
    assert keys == {"R9": f"{base}.wav", "R10": f"{base}-2.wav"}
    assert [await platform.storage.get(key) for key in keys.values()] == [b"RIFF one", b"RIFF two"]
    assert telnyx.deleted == ["R9", "R10"]


async def test_recordings_of_two_legs_without_ids_are_both_copied(platform: CallPlatform) -> None:
    telnyx = Telnyx(known={"leg-1": "R13", "leg-2": "R14"})
    call_id = await report_recording(platform, "v3:r13", "")
    second = CarrierRecording("telnyx", "v3:r13", "", URL, 12, leg_id="leg-2")
    for _ in range(2):
        await platform.in_platform(lambda db: add_recording(db, second))
    jobs = [msgspec.json.decode(job, type=FetchRecordingJob) for job in await platform.job_payloads(FETCH_RECORDING)]
    assert [job.recording_id for job in jobs if job.call_id == call_id] == ["leg-1", "leg-2"]
    for leg in ("leg-1", "leg-2"):
        await job(platform, telnyx)(payload(call_id, leg))
    assert (telnyx.fetched, telnyx.deleted) == (["R13", "R14"], ["R13", "R14"])


async def test_recording_stored_without_any_name_is_fetched(platform: CallPlatform) -> None:
    """Rows of earlier versions have such entries."""
    telnyx = Telnyx(known={"leg-1": "R15"})
    call_id = await report_recording(platform, "v3:r15", "")
    old = {"": {"id": "", "url": URL, "duration_s": 30, "channels": 2, "leg": "leg-1", "place": 0}}
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE calls SET details = jsonb_set(details, '{carrier_recordings}', $2) WHERE id = $1", call_id, old
        )
    )
    await job(platform, telnyx)(payload(call_id, ""))
    await check_stored(platform, call_id)
    assert telnyx.deleted == ["R15"]


async def test_empty_recording_fails_permanently(platform: CallPlatform) -> None:
    call_id = await report_recording(platform, "v3:r11", "R11")
    with pytest.raises(JobFailed) as raised:
        await job(platform, Telnyx(audio=b""))(payload(call_id, "R11"))
    assert raised.value.is_permanent


async def test_full_disk_is_retried(platform: CallPlatform) -> None:
    telnyx = Telnyx(answers={"fetch_recording": OSError(28, "No space left on device")})
    call_id = await report_recording(platform, "v3:r12", "R12")
    with pytest.raises(JobFailed) as raised:
        await job(platform, telnyx)(payload(call_id, "R12"))
    assert (raised.value.reason, raised.value.is_permanent) == ("OSError", False)
