"""The jobs of calls: each may run twice, and be broken off anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import IO, Any, Final, Protocol, TypeVar, runtime_checkable
from uuid import UUID

import msgspec
import structlog

from control.calls import store
from control.calls.handover import Handover, NotLive
from control.calls.hanging import HANG_UP, HangUp
from control.calls.joining import NotJoinable, join
from control.calls.outbound import PLACE, PlaceJob
from control.calls.service import FETCH, Calls, Fetch
from control.calls.state import State, recordings_of
from control.calls.writing import JOIN, Join
from control.carriers.model import Carrier, CarrierAway, CarrierRefused, Placed
from control.db.jobs import Handler, JobFailed
from control.db.pool import Pool
from control.db.scope import enter_platform
from shared.bus.client import BusAway
from shared.bus.commands import DONE, EndCall
from shared.events import EndReason
from shared.storage import NoObject, Storage, StorageAway

__all__ = [
    "FETCH", "HANG_UP", "JOIN", "PLACE", "fetch_recording_by", "hang_up_by", "join_recordings_by", "place_by",
]  # fmt: skip

# Media is asked first to end a call, so that the record tells the reason; the carrier if it does not answer.
ASK_S: Final = 2.0

log = structlog.get_logger()
J = TypeVar("J")


class Gateways(Protocol):
    """The carriers that are set up."""

    def get(self, name: str) -> Carrier:
        """Raises CarrierRefused."""


@runtime_checkable
class FindsRecordings(Protocol):
    """A carrier that may tell of a recording without its id (Telnyx)."""

    async def find_recording(self, call_leg_id: str) -> str | None:
        """Its id. Raises CarrierRefused and CarrierAway."""


def place_by(pool: Pool, calls: Calls, carriers: Gateways) -> Handler:
    """Dials an outbound call, once. A try that is repeated looks whether the first one reached the carrier."""

    async def run(payload: bytes) -> None:
        call_id = _payload(payload, PlaceJob).call_id
        async with pool.transaction() as db:
            await enter_platform(db)
            order = await calls.placing.begin(db, call_id, _now())
        if order is None:
            return
        try:
            carrier = carriers.get(order.carrier)
            if order.is_repeat:
                await _look(pool, calls, carrier, call_id, await carrier.find_dialled(order.dial, order.since))
                return
            placed = await carrier.dial(order.dial)
        except CarrierRefused as refusal:
            await _failed(pool, calls, call_id, refusal.code)
            return
        except CarrierAway as away:
            raise JobFailed(f"carrier away: {away.code}") from None
        async with pool.transaction() as db:
            await enter_platform(db)
            is_wanted = await calls.placing.placed(db, call_id, placed.carrier_call_id, _now())
        if not is_wanted:
            await _hang_up(carrier, placed.carrier_call_id)

    return run


def hang_up_by(pool: Pool, carriers: Gateways, handover: Handover) -> Handler:
    """Ends a call: media does, or else the carrier."""

    async def run(payload: bytes) -> None:
        job = _payload(payload, HangUp)
        if job.reason is None:
            if await _is_told_over(pool, job.call_id):
                return
        elif await _ended_by_media(handover, job.call_id, job.reason):
            return
        try:
            await carriers.get(job.carrier).hang_up(job.carrier_call_id)
        except CarrierRefused as refusal:
            if not refusal.over:
                raise JobFailed(f"refused: {refusal.code}", for_good=True) from None
        except CarrierAway as away:
            raise JobFailed(f"carrier away: {away.code}") from None

    return run


def fetch_recording_by(pool: Pool, carriers: Gateways, storage: Storage, *, delete: bool = True) -> Handler:
    """Keeps a carrier's recording in our storage. delete: removes it at the carrier then, which takes its id: one that
    the webhook did not tell is looked for."""

    async def run(payload: bytes) -> None:
        job = _payload(payload, Fetch)
        its = await _state(pool, job.call_id)
        told: Any = its.details.get("carrier_recordings", {}).get(job.recording_id) if its else None
        if its is None or not told:
            return
        carrier = _carrier(carriers, its)
        key, recording = told.get("key"), told["id"] or told.get("found", "")
        if not recording and (key is None or delete):
            recording = await _found(carrier, told.get("leg", ""))
        if key is None:
            key = await _kept(carrier, storage, its, recording, told)
            await _noted(pool, its.id, job.recording_id, {"key": key, "found": recording}, told["duration_s"])
        if delete:
            await _deleted(carrier, recording)

    return run


def join_recordings_by(pool: Pool, storage: Storage) -> Handler:
    """Makes one recording of those of a call's several streams; the parts stay."""

    async def run(payload: bytes) -> None:
        call_id = _payload(payload, Join).call_id
        its = await _state(pool, call_id)
        parts: Any = its.details.get("recordings", ()) if its else ()
        if its is None or len(parts) < 2:
            return
        keys = [part["key"] for part in parts]
        key = f"{recordings_of(its.workspace_id)}{its.id}.wav"
        with TemporaryDirectory(prefix="vocalized-join-") as folder:
            file = Path(folder) / "call.wav"
            try:
                seconds = await join(storage, keys, file)
                await storage.put(key, file)
            except NotJoinable as fault:
                raise JobFailed(f"recordings: {fault}", for_good=True) from None
            except (NoObject, StorageAway, OSError) as fault:
                raise JobFailed(type(fault).__name__) from None
        async with pool.transaction() as db:
            await enter_platform(db)
            row = await store.lock_one(db, call_id)
            if row is not None:
                joined = replace(row.state, recording_key=key, recording_seconds=seconds).noted(joined=keys)
                await store.update_states(db, [joined])

    return run


async def _look(pool: Pool, calls: Calls, carrier: Carrier, call_id: UUID, found: Sequence[Placed]) -> None:
    """It was tried before: one of these may be it. If none is, it may have been dialled without our knowing: never
    again. Should it ring all the same, its webhooks are answered with a refusal."""
    ids = [one.carrier_call_id for one in found]
    async with pool.transaction() as db:
        await enter_platform(db)
        its = await calls.placing.found(db, call_id, ids, _now())
    if its is None:
        await _failed(pool, calls, call_id, "not_confirmed")
    elif not its[1]:
        await _hang_up(carrier, its[0])


async def _failed(pool: Pool, calls: Calls, call_id: UUID, detail: str) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        await calls.placing.failed(db, call_id, detail, _now())


async def _hang_up(carrier: Carrier, carrier_call_id: str) -> None:
    """Of a call that is not wanted (any more)."""
    try:
        await carrier.hang_up(carrier_call_id)
    except (CarrierRefused, CarrierAway) as fault:
        log.warning("call.not_hung_up", carrier=fault.carrier, code=fault.code)


async def _ended_by_media(handover: Handover, call_id: UUID, reason: EndReason) -> bool:
    try:
        return await handover.command(call_id, EndCall(reason), ASK_S) == DONE
    except (NotLive, BusAway):
        return False


async def _is_told_over(pool: Pool, call_id: UUID) -> bool:
    """Whether the carrier has told the call's end by now, which Telnyx does with its cause."""
    its = await _state(pool, call_id)
    return its is None or "cause" in its.details.get("carrier", {})


async def _found(carrier: Carrier, leg_id: str) -> str:
    """The id of a recording of which none was told; empty while nobody knows it."""
    if not leg_id or not isinstance(carrier, FindsRecordings):
        return ""
    try:
        return await carrier.find_recording(leg_id) or ""
    except (CarrierRefused, CarrierAway) as fault:
        log.warning("recording.not_found", carrier=fault.carrier, code=fault.code)
        return ""


async def _fetch(carrier: Carrier, recording: str, url: str, into: IO[bytes]) -> None:
    """By its id, for which the carrier makes a fresh address. The one that was told holds for ten minutes at Telnyx: it
    does where there is no id, or where that leads nowhere yet."""
    code = "unknown"
    for one in dict.fromkeys(name for name in (recording, url) if name):
        try:
            return await carrier.fetch_recording(one, into)
        except CarrierRefused as refusal:
            code = refusal.code
        except CarrierAway as away:
            raise JobFailed(f"carrier away: {away.code}") from None
    # Without an id it may be found by the next try.
    raise JobFailed(f"refused: {code}", for_good=bool(recording))


async def _deleted(carrier: Carrier, recording: str) -> None:
    if not recording:
        raise JobFailed("recording not found")
    try:
        await carrier.delete_recording(recording)
    except CarrierRefused as refusal:
        raise JobFailed(f"refused: {refusal.code}", for_good=True) from None
    except CarrierAway as away:
        raise JobFailed(f"carrier away: {away.code}") from None


async def _kept(carrier: Carrier, storage: Storage, its: State, recording: str, told: Mapping[str, Any]) -> str:
    """By way of a file, for it may have hundreds of megabytes. The call's first is named as if it were the only one."""
    which = f"-{told['place'] + 1}" if told["place"] else ""
    try:
        with NamedTemporaryFile(prefix="vocalized-fetch-") as file:
            await _fetch(carrier, recording, told["url"], file.file)
            file.flush()
            size = file.tell()
            if size == 0:
                raise JobFailed("recording of 0 bytes", for_good=True)
            file.seek(0)
            kind = "wav" if file.read(4) == b"RIFF" else "mp3"
            key = f"{recordings_of(its.workspace_id)}{its.id}-carrier{which}.{kind}"
            await storage.put(key, Path(file.name))
    except StorageAway as fault:
        raise JobFailed(f"storage: {fault}") from None
    except OSError as fault:
        raise JobFailed(type(fault).__name__) from None
    return key


async def _noted(pool: Pool, call_id: UUID, recording_id: str, kept: Mapping[str, str], seconds: int | None) -> None:
    """Ours, where we recorded too, stays the call's recording; of the carrier's, the one that is kept first."""
    async with pool.transaction() as db:
        await enter_platform(db)
        row = await store.lock_one(db, call_id)
        if row is None:
            return
        its = row.state
        known: Mapping[str, Any] = its.details.get("carrier_recordings", {})
        one = {**known.get(recording_id, {}), **kept}
        after = its.noted(carrier_recordings={**known, recording_id: one})
        if its.recording_key is None:
            after = replace(after, recording_key=kept["key"], recording_seconds=seconds)
        await store.update_states(db, [after])


async def _state(pool: Pool, call_id: UUID) -> State | None:
    async with pool.transaction() as db:
        await enter_platform(db)
        row = await store.lock_one(db, call_id)
    return row.state if row is not None else None


def _carrier(carriers: Gateways, its: State) -> Carrier:
    try:
        return carriers.get(its.carrier)
    except CarrierRefused as refusal:
        raise JobFailed(f"refused: {refusal.code}", for_good=True) from None


def _payload(payload: bytes, kind: type[J]) -> J:
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.DecodeError as error:
        raise JobFailed(type(error).__name__, for_good=True) from None


def _now() -> datetime:
    return datetime.now(UTC)
