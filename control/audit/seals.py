"""Seals of the audit log: a hash chain over stored entries. Each link is authenticated with a key of control.

Entries are written without a hash, because a chain at the time of writing would make all requests wait for each other.
The worker seals new entries within a minute. Anyone who later changes, removes or inserts entries, even as the owner of
the tables, cannot recreate the seals without the key. The newest seals could be cut off together with their entries.
The worker therefore logs each seal's number and digest; store these logs where the database's owner cannot write.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

import structlog

from control.audit import queries
from control.audit.rules import EPOCH, AuditBreak, AuditContent, AuditSeal, AuditVerdict, SealedRow, make_root
from control.db.pool import Connection
from shared.secrets import Sealer

KEY_PURPOSE: Final = "audit log"
# Number of entries per seal.
BATCH: Final = 1_000
# An entry is stored with its transaction, which lasts seconds. An entry that appears later than this was backdated.
LATEST_ENTRY: Final = timedelta(days=1)
# Number of seals read in one query.
_SEALS: Final = 100
# Maximum number of breaks that are reported, and of unsealed entries that are counted.
MOST_BREAKS: Final = 100
_PAGE: Final = 1_000
log = structlog.get_logger()


def audit_keys(sealer: Sealer) -> tuple[bytes, ...]:
    """Return the keys of seals. The first key seals; all keys verify."""
    return sealer.derive(KEY_PURPOSE)


def make_mac(key: bytes, digest: bytes) -> bytes:
    """Return the HMAC-SHA-256 of a seal's digest."""
    return hmac.digest(key, digest, "sha256")


# --- Sealing ---------------------------------------------------------------------------------------------------------


async def seal_entries(db: Connection, keys: Sequence[bytes], now: datetime) -> int:
    """Seal the oldest unsealed entries, up to `BATCH`. Return how many were sealed. Needs platform scope."""
    await queries.lock_chain(db)
    last = await queries.select_last(db)
    entries = await queries.select_unsealed(db, last.reached - LATEST_ENTRY if last else EPOCH, BATCH)
    if not entries:
        return 0
    seal = _make_seal(last, entries, now)
    await queries.insert_seal(db, seal, make_mac(keys[0], seal.digest), entries)
    log.info("audit.sealed", number=seal.number, entries=seal.entries, digest=seal.digest.hex())
    return len(entries)


def _make_seal(last: AuditSeal | None, entries: Sequence[AuditContent], now: datetime) -> AuditSeal:
    times = [entry.at for entry in entries] + ([last.reached] if last else [])
    return AuditSeal(
        number=last.number + 1 if last else 1,
        entries=len(entries),
        root=make_root([entry.hash for entry in entries]),
        previous=last.digest if last else b"",
        reached=max(times),
        sealed_at=now,
    )


async def renew_codes(db: Connection, keys: Sequence[bytes]) -> int:
    """Replace codes made with older keys by codes made with the first key, so that older keys can be removed.

    Needs the owner of the tables. Seals that no key verifies stay unchanged. Returns how many codes were replaced.
    """
    renewed = last = 0
    while seals := await queries.select_seals(db, last, _SEALS):
        for seal in seals:
            if any(hmac.compare_digest(make_mac(key, seal.digest), seal.mac) for key in keys[1:]):
                await queries.update_mac(db, seal.number, make_mac(keys[0], seal.digest))
                renewed += 1
        last = seals[-1].number
    return renewed


# --- Verification ----------------------------------------------------------------------------------------------------


async def verify_log(db: Connection, keys: Sequence[bytes]) -> AuditVerdict:
    """Verify all entries and seals. Needs platform scope, or the owner of the tables."""
    last: AuditSeal | None = None
    seals = entries = 0
    breaks: list[AuditBreak] = []
    while found := await queries.select_seals(db, last.number if last else 0, _SEALS):
        breaks += await verify_seals(db, keys, last, found)
        last, seals, entries = found[-1], seals + len(found), entries + sum(seal.entries for seal in found)
    breaks += await find_dated_back(db, last)
    unsealed = await queries.select_unsealed(db, last.reached - LATEST_ENTRY if last else EPOCH, BATCH)
    return AuditVerdict(seals, entries, len(unsealed), last.digest if last else b"", breaks[:MOST_BREAKS])


async def verify_seals(
    db: Connection, keys: Sequence[bytes], before: AuditSeal | None, seals: Sequence[AuditSeal]
) -> list[AuditBreak]:
    """Verify consecutive seals with their entries.

    Args:
        before: The previous seal; None for the first seal.
    """
    rows = await queries.select_sealed(db, seals[0].number, seals[-1].number)
    by_seal = {number: list(group) for number, group in groupby(rows, key=lambda row: row.seal)}
    return [*_check_links(keys, before, seals), *_check_rows(seals, by_seal)]


def _check_links(keys: Sequence[bytes], before: AuditSeal | None, seals: Sequence[AuditSeal]) -> Iterator[AuditBreak]:
    for seal in seals:
        if seal.number != (before.number + 1 if before else 1):
            yield AuditBreak("seal_missing", seal.number - 1)
        elif seal.previous != (before.digest if before else b""):
            yield AuditBreak("seal_changed", seal.number - 1)
        if not any(hmac.compare_digest(make_mac(key, seal.digest), seal.mac) for key in keys):
            yield AuditBreak("seal_forged", seal.number)
        before = seal


def _check_rows(seals: Sequence[AuditSeal], by_seal: Mapping[int, Sequence[SealedRow]]) -> Iterator[AuditBreak]:
    for seal in seals:
        rows = by_seal.get(seal.number, ())
        if make_root([row.hash for row in rows]) != seal.root:
            yield AuditBreak("seal_changed", seal.number)
        for row in rows:
            if row.content is None:
                yield AuditBreak("removed", seal.number, row.entry_id)
            elif hashlib.sha256(row.content.encode()).digest() != row.hash:
                yield AuditBreak("changed", seal.number, row.entry_id)


async def find_dated_back(db: Connection, last: AuditSeal | None) -> list[AuditBreak]:
    """Find entries after the newest seal `last` that were inserted later than their time indicates."""
    if last is None:
        return []
    inserted = await queries.select_dated_back(db, last.reached - LATEST_ENTRY, MOST_BREAKS)
    return [AuditBreak("inserted", 0, entry_id) for entry_id in inserted]


async def has_digest(db: Connection, digest: str) -> bool:
    """Return whether a seal has this digest, given as hexadecimal digits."""
    last = 0
    while seals := await queries.select_seals(db, last, _PAGE):
        if any(seal.digest.hex() == digest for seal in seals):
            return True
        last = seals[-1].number
    return False


# --- Export ----------------------------------------------------------------------------------------------------------


async def export_lines(db: Connection) -> AsyncIterator[str]:
    """Yield all entries, oldest first, as lines of JSON: an object with the entry's content and its hash.

    The hash is the SHA-256 of the content's text exactly as the line has it.
    """
    after = (EPOCH, UUID(int=0))
    while entries := await queries.select_contents(db, after, _PAGE):
        for entry in entries:
            yield f'{{"hash":"{entry.hash.hex()}","content":{entry.content}}}\n'
        after = (entries[-1].at, entries[-1].entry_id)
