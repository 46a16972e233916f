"""Carriers' recordings: fetched while their address is good and afterwards, kept, and deleted there by their ids."""

from dataclasses import dataclass, field
from typing import IO
from uuid import UUID

import msgspec
import pytest

from control.calls.model import CarrierRecording, Ring
from control.calls.service import FETCH, Fetch
from control.calls.work import fetch_recording_by
from control.carriers.book import Carriers
from control.carriers.model import CarrierAway, CarrierName, CarrierRefused
from control.db.jobs import Handler, JobFailed
from shared.storage import Storage
from tests.control.calls.stage import NOW, Gateway, House

URL = "https://s3.example.com/x.wav?signature=1"


@dataclass(slots=True)
class Telnyx(Gateway):
    """A gateway whose addresses expire, and that finds recordings by their legs. known: ids by leg."""

    name: CarrierName = "telnyx"
    known: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    expired: bool = False
    ready: bool = True

    async def fetch_recording(self, recording: str, into: IO[bytes]) -> None:
        self.fetched.append(recording)
        self._answer("fetch_recording")
        if self.expired if "://" in recording else not self.ready:
            raise CarrierRefused("telnyx", "403", "the recording is not to be had")
        into.write(self.audio)

    async def find_recording(self, call_leg_id: str) -> str | None:
        self.asked.append(call_leg_id)
        self._answer("find_recording")
        return self.known.get(call_leg_id)


async def told(house: House, name: str, recording_id: str, url: str = URL, leg: str = "leg-1") -> UUID:
    """A call whose recording is there."""
    shop = await house.shop(carrier="telnyx")
    ring = Ring("telnyx", name, "+14155550100", shop.number)
    await house.staff(lambda db: house.calls.arrive(db, ring, NOW))
    recording = CarrierRecording("telnyx", name, recording_id, url, 30, leg_id=leg)
    await house.staff(lambda db: house.calls.carrier_recording(db, recording))
    row = await house.staff(lambda db: db.fetchrow("SELECT id FROM calls WHERE carrier_call_id = $1", name))
    call_id: UUID = row["id"]
    return call_id


def job(house: House, telnyx: Telnyx, *, delete: bool = True, storage: Storage | None = None) -> Handler:
    carriers = Carriers({"telnyx": telnyx})
    return fetch_recording_by(house.pool, carriers, storage or house.storage, delete=delete)


def payload(call_id: UUID, recording_id: str = "leg-1") -> bytes:
    """recording_id: the leg's, of one that was told without an id."""
    return msgspec.json.encode(Fetch(call_id, recording_id))


async def check(house: House, call_id: UUID) -> None:
    """It is kept."""
    row = await house.row(call_id)
    assert row["recording_key"] == f"recordings/{row['workspace_id']}/{call_id}-carrier.wav"
    assert row["recording_seconds"] == 30
    (told,) = row["details"]["carrier_recordings"].values()
    assert row["recording_key"] == told["key"]
    assert await house.storage.get(row["recording_key"]) == b"RIFF"


async def test_one_without_an_id_is_found_by_its_leg(house: House) -> None:
    telnyx = Telnyx(known={"leg-1": "R1"})
    call_id = await told(house, "v3:r1", "")
    run = job(house, telnyx)
    await run(payload(call_id))
    await check(house, call_id)
    assert (telnyx.fetched, telnyx.deleted) == (["R1"], ["R1"])
    # Again, after a crash before the job was ticked off: by then nobody finds it any more.
    telnyx.known.clear()
    await run(payload(call_id))
    assert (telnyx.fetched, telnyx.deleted) == (["R1"], ["R1", "R1"])


async def test_one_that_nobody_finds_yet_is_kept_and_deleted_later(house: House) -> None:
    telnyx = Telnyx()
    call_id = await told(house, "v3:r2", "")
    run = job(house, telnyx)
    with pytest.raises(JobFailed) as raised:
        await run(payload(call_id))
    assert not raised.value.for_good
    await check(house, call_id)
    assert (telnyx.fetched, telnyx.deleted) == ([URL], [])
    telnyx.known["leg-1"] = "R2"
    await run(payload(call_id))
    assert (telnyx.fetched, telnyx.deleted) == ([URL], ["R2"])


async def test_one_that_is_not_to_be_deleted_needs_no_id(house: House) -> None:
    telnyx = Telnyx()
    call_id = await told(house, "v3:r3", "")
    await job(house, telnyx, delete=False)(payload(call_id))
    await check(house, call_id)
    assert telnyx.deleted == []


@pytest.mark.parametrize("recording_id", ["R4", ""])
async def test_an_address_that_is_no_longer_good_is_asked_for_anew(house: House, recording_id: str) -> None:
    telnyx = Telnyx(known={"leg-1": "R4"}, expired=True)
    call_id = await told(house, f"v3:r4{recording_id}", recording_id)
    await job(house, telnyx)(payload(call_id, recording_id or "leg-1"))
    await check(house, call_id)
    assert telnyx.deleted == ["R4"]


async def test_a_late_address_without_an_id_is_tried_again(house: House) -> None:
    telnyx = Telnyx(expired=True)
    call_id = await told(house, "v3:r5", "")
    run = job(house, telnyx)
    with pytest.raises(JobFailed) as raised:
        await run(payload(call_id))
    assert not raised.value.for_good
    telnyx.known["leg-1"] = "R5"
    await run(payload(call_id))
    await check(house, call_id)


async def test_the_address_that_was_told_does_where_the_id_leads_nowhere_yet(house: House) -> None:
    telnyx = Telnyx(ready=False)
    call_id = await told(house, "v3:r6", "R6")
    await job(house, telnyx)(payload(call_id, "R6"))
    await check(house, call_id)
    assert telnyx.fetched == ["R6", URL]


async def test_one_that_is_refused_either_way_is_given_up(house: House) -> None:
    telnyx = Telnyx(ready=False, expired=True)
    call_id = await told(house, "v3:r7", "R7")
    with pytest.raises(JobFailed) as raised:
        await job(house, telnyx)(payload(call_id, "R7"))
    assert raised.value.for_good


async def test_a_carrier_that_is_away_is_asked_again(house: House) -> None:
    telnyx = Telnyx(answers={"find_recording": CarrierAway("telnyx", "timeout", "no answer in time")})
    call_id = await told(house, "v3:r8", "", url="")
    run = job(house, telnyx)
    with pytest.raises(JobFailed) as raised:
        await run(payload(call_id))
    assert not raised.value.for_good
    telnyx.answers.clear()
    telnyx.known["leg-1"] = "R8"
    await run(payload(call_id))
    await check(house, call_id)
    assert telnyx.fetched == ["R8"]


async def test_each_of_a_calls_recordings_is_kept_and_deleted(house: House) -> None:
    telnyx = Telnyx(audio=b"RIFF one")
    call_id = await told(house, "v3:r9", "R9")
    second = CarrierRecording("telnyx", "v3:r9", "R10", URL, 12, leg_id="leg-1")
    await house.staff(lambda db: house.calls.carrier_recording(db, second))
    run = job(house, telnyx)
    await run(payload(call_id, "R9"))
    telnyx.audio = b"RIFF two"
    await run(payload(call_id, "R10"))
    row = await house.row(call_id)
    base = f"recordings/{row['workspace_id']}/{call_id}-carrier"
    assert (row["recording_key"], row["recording_seconds"]) == (f"{base}.wav", 30)
    keys = {name: one["key"] for name, one in row["details"]["carrier_recordings"].items()}
    assert keys == {"R9": f"{base}.wav", "R10": f"{base}-2.wav"}
    assert [await house.storage.get(key) for key in keys.values()] == [b"RIFF one", b"RIFF two"]
    assert telnyx.deleted == ["R9", "R10"]


async def test_of_two_legs_each_has_its_recording_although_no_ids_are_told(house: House) -> None:
    telnyx = Telnyx(known={"leg-1": "R13", "leg-2": "R14"})
    call_id = await told(house, "v3:r13", "")
    second = CarrierRecording("telnyx", "v3:r13", "", URL, 12, leg_id="leg-2")
    for _ in range(2):
        await house.staff(lambda db: house.calls.carrier_recording(db, second))
    jobs = [msgspec.json.decode(job, type=Fetch) for job in await house.jobs(FETCH)]
    assert [one.recording_id for one in jobs if one.call_id == call_id] == ["leg-1", "leg-2"]
    for leg in ("leg-1", "leg-2"):
        await job(house, telnyx)(payload(call_id, leg))
    assert (telnyx.fetched, telnyx.deleted) == (["R13", "R14"], ["R13", "R14"])


async def test_one_that_was_noted_without_any_name_is_still_fetched(house: House) -> None:
    """As rows of earlier versions have it."""
    telnyx = Telnyx(known={"leg-1": "R15"})
    call_id = await told(house, "v3:r15", "")
    old = {"": {"id": "", "url": URL, "duration_s": 30, "channels": 2, "leg": "leg-1", "place": 0}}
    await house.staff(
        lambda db: db.execute(
            "UPDATE calls SET details = jsonb_set(details, '{carrier_recordings}', $2) WHERE id = $1", call_id, old
        )
    )
    await job(house, telnyx)(payload(call_id, ""))
    await check(house, call_id)
    assert telnyx.deleted == ["R15"]


async def test_one_without_a_sound_is_given_up(house: House) -> None:
    call_id = await told(house, "v3:r11", "R11")
    with pytest.raises(JobFailed) as raised:
        await job(house, Telnyx(audio=b""))(payload(call_id, "R11"))
    assert raised.value.for_good


async def test_one_for_which_there_is_no_room_is_tried_again(house: House) -> None:
    telnyx = Telnyx(answers={"fetch_recording": OSError(28, "No space left on device")})
    call_id = await told(house, "v3:r12", "R12")
    with pytest.raises(JobFailed) as raised:
        await job(house, telnyx)(payload(call_id, "R12"))
    assert (raised.value.reason, raised.value.for_good) == ("OSError", False)
