"""Verifies the seals of the audit log: which entries and links are not as they were sealed."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from control.db.pool import Connection
from control.platform import store_audit_seals as store
from control.platform.audit_chain import EPOCH, AuditBreak, AuditSeal, AuditVerdict, SealedRow, make_root
from control.platform.audit_seals import BATCH, LATEST_ENTRY, make_mac

# Seals that are read at once.
_SEALS: Final = 100
# Breaks that are reported, and entries without a seal that are counted.
MOST_BREAKS: Final = 100


async def verify_log(db: Connection, keys: Sequence[bytes]) -> AuditVerdict:
    """Reads all entries once. Needs platform scope, or the owner of the tables."""
    last: AuditSeal | None = None
    seals = entries = 0
    breaks: list[AuditBreak] = []
    while found := await store.select_seals(db, last.number if last else 0, _SEALS):
        breaks += await verify_seals(db, keys, last, found)
        last, seals, entries = found[-1], seals + len(found), entries + sum(seal.entries for seal in found)
    breaks += await find_dated_back(db, last)
    unsealed = await store.select_unsealed(db, last.reached - LATEST_ENTRY if last else EPOCH, BATCH)
    return AuditVerdict(seals, entries, len(unsealed), last.digest if last else b"", breaks[:MOST_BREAKS])


async def find_dated_back(db: Connection, last: AuditSeal | None) -> list[AuditBreak]:
    """Entries that were inserted later than their time says. last: the newest seal."""
    if last is None:
        return []
    inserted = await store.select_dated_back(db, last.reached - LATEST_ENTRY, MOST_BREAKS)
    return [AuditBreak("inserted", 0, entry_id) for entry_id in inserted]


async def verify_seals(
    db: Connection, keys: Sequence[bytes], before: AuditSeal | None, seals: Sequence[AuditSeal]
) -> list[AuditBreak]:
    """seals: consecutive ones. before: the seal before them, None for the first."""
    rows = await store.select_sealed(db, seals[0].number, seals[-1].number)
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


async def renew_codes(db: Connection, keys: Sequence[bytes]) -> int:
    """Gives seals whose code is of an older key one of the first key, so that the older key can go; returns how many.
    As the owner of the tables. Seals that no key verifies stay as they are."""
    renewed = last = 0
    while seals := await store.select_seals(db, last, _SEALS):
        for seal in seals:
            if any(hmac.compare_digest(make_mac(key, seal.digest), seal.mac) for key in keys[1:]):
                await store.update_mac(db, seal.number, make_mac(keys[0], seal.digest))
                renewed += 1
        last = seals[-1].number
    return renewed
