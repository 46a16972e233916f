"""The jobs of calls: each may run twice, and be broken off anywhere."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import msgspec
import structlog

from control.calls import store
from control.calls.handover import Handover, NotLive
from control.calls.joining import NotJoinable, join
from control.calls.model import CarrierName
from control.calls.outbound import PLACE, PlaceJob
from control.calls.placing import Order
from control.calls.service import FETCH, HANG_UP, Calls, Fetch, HangUp
from control.calls.state import State, recordings_of
from control.calls.writing import JOIN, Join
from control.carriers.model import Carrier, CarrierAway, CarrierRefused, Placed
from control.db.jobs import Handler, JobFailed
from control.db.pool import Pool
from control.db.scope import enter_platform
from shared.bus.client import BusAway
from shared.bus.commands import DONE, EndCall
from shared.storage import NoObject, Storage, StorageAway

__all__ = [
    "FETCH", "HANG_UP", "JOIN", "PLACE", "fetch_recording_by", "hang_up_by", "join_recordings_by", "place_by",
]  # fmt: skip

# Media is asked first to end a call, so that the record tells the reason; the carrier if it does not answer.
ASK_S: Final = 2.0
# Four hours of 8 kHz stereo with 16 bits, and a head.
MOST_BYTES: Final = 4 * 3600 * 32_000 + 4_096

log = structlog.get_logger()
J = TypeVar("J")


class Gateways(Protocol):
    """The carriers that are set up."""

    def get(self, name: CarrierName) -> Carrier:
        """Raises CarrierRefused."""


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
            placed = await _dialled(carrier, order)
        except CarrierRefused as refusal:
            await _failed(pool, calls, call_id, refusal.code)
            return
        except CarrierAway as away:
            raise JobFailed(f"carrier away: {away.code}") from None
        if placed is None:
            # It may have been dialled without our knowing: never again. Should it ring all the same, its webhooks are
            # answered with a refusal.
            await _failed(pool, calls, call_id, "not_confirmed")
            return
        async with pool.transaction() as db:
            await enter_platform(db)
            is_wanted = await calls.placing.placed(db, call_id, placed.carrier_call_id, _now())
        if not is_wanted and not order.is_repeat:
            await _hang_up(carrier, placed.carrier_call_id)
        elif not is_wanted:
            await _failed(pool, calls, call_id, "not_confirmed")

    return run


def hang_up_by(pool: Pool, carriers: Gateways, handover: Handover) -> Handler:
    """Ends a call: media does, or else the carrier."""

    async def run(payload: bytes) -> None:
        job = _payload(payload, HangUp)
        if await _ended_by_media(handover, job):
            return
        try:
            await carriers.get(job.carrier).hang_up(job.carrier_call_id)
        except CarrierRefused as refusal:
            if not refusal.over:
                raise JobFailed(f"refused: {refusal.code}", for_good=True) from None
        except CarrierAway as away:
            raise JobFailed(f"carrier away: {away.code}") from None

    return run


def fetch_recording_by(
    pool: Pool, calls: Calls, carriers: Gateways, storage: Storage, *, delete: bool = True
) -> Handler:
    """Keeps a carrier's recording in our storage. delete: removes it at the carrier then."""

    async def run(payload: bytes) -> None:
        job = _payload(payload, Fetch)
        its = await _state(pool, job.call_id)
        told: Any = its.details.get("carrier_recording") if its else None
        if its is None or not told or told["id"] != job.recording_id:
            return
        carrier = _carrier(carriers, its)
        key = told.get("key")
        if key is None:
            key = await _kept(carrier, storage, its, told["url"] or told["id"])
            await _noted(pool, its.id, key, told["duration_s"])
        if delete:
            try:
                await carrier.delete_recording(job.recording_id)
            except CarrierRefused as refusal:
                raise JobFailed(f"refused: {refusal.code}", for_good=True) from None
            except CarrierAway as away:
                raise JobFailed(f"carrier away: {away.code}") from None

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


async def _dialled(carrier: Carrier, order: Order) -> Placed | None:
    """None: it was tried before, and the carrier knows of no such call. Raises CarrierRefused, CarrierAway."""
    if order.is_repeat:
        return await carrier.find_dialled(order.dial, order.since)
    return await carrier.dial(order.dial)


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


async def _ended_by_media(handover: Handover, job: HangUp) -> bool:
    """The reason is media's to tell only where it is one of the record's."""
    try:
        command = msgspec.convert({"reason": job.reason}, EndCall)
        return await handover.command(job.call_id, command, ASK_S) == DONE
    except (NotLive, BusAway, msgspec.ValidationError):
        return False


async def _kept(carrier: Carrier, storage: Storage, its: State, recording: str) -> str:
    try:
        audio = await carrier.fetch_recording(recording)
    except CarrierRefused as refusal:
        raise JobFailed(f"refused: {refusal.code}", for_good=True) from None
    except CarrierAway as away:
        raise JobFailed(f"carrier away: {away.code}") from None
    if not 0 < len(audio) <= MOST_BYTES:
        raise JobFailed(f"recording of {len(audio)} bytes", for_good=True)
    kind = "wav" if audio[:4] == b"RIFF" else "mp3"
    key = f"{recordings_of(its.workspace_id)}{its.id}-carrier.{kind}"
    try:
        await storage.put(key, audio)
    except StorageAway as fault:
        raise JobFailed(f"storage: {fault}") from None
    return key


async def _noted(pool: Pool, call_id: UUID, key: str, seconds: int | None) -> None:
    """Ours, where we recorded too, stays the call's recording."""
    async with pool.transaction() as db:
        await enter_platform(db)
        row = await store.lock_one(db, call_id)
        if row is None:
            return
        its = row.state
        after = its.noted(carrier_recording={**its.details.get("carrier_recording", {}), "key": key})
        if its.recording_key is None:
            after = replace(after, recording_key=key, recording_seconds=seconds)
        await store.update_states(db, [after])


async def _state(pool: Pool, call_id: UUID) -> State | None:
    async with pool.transaction() as db:
        await enter_platform(db)
        row = await store.lock_one(db, call_id)
    return row.state if row is not None else None


def _carrier(carriers: Gateways, its: State) -> Carrier:
    try:
        return carriers.get("telnyx" if its.carrier == "telnyx" else "twilio")
    except CarrierRefused as refusal:
        raise JobFailed(f"refused: {refusal.code}", for_good=True) from None


def _payload(payload: bytes, kind: type[J]) -> J:
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.DecodeError as error:
        raise JobFailed(type(error).__name__, for_good=True) from None


def _now() -> datetime:
    return datetime.now(UTC)
