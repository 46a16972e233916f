"""Seals of the audit log: a chain of hashes over entries that are already stored, each link under a key of control's.

Entries are written without a hash, because a chain at the time of writing would have all requests wait for each other.
The worker seals what is new within a minute. Who changes, removes or inserts entries later, even as the owner of the
tables, cannot make the seals anew without the key. The newest seals can be cut off together with their entries: so the
worker logs each seal's number and digest, which belong where the database's owner cannot write.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from control.db.pool import Connection
from control.platform import store_audit_seals as store
from control.platform.audit_chain import EPOCH, AuditContent, AuditSeal, make_root
from shared.secrets import Sealer

KEY_PURPOSE: Final = "audit log"
# Entries of one seal.
BATCH: Final = 1_000
# An entry is stored with its transaction, which lasts seconds. What comes later than this was dated back.
LATEST_ENTRY: Final = timedelta(days=1)

log = structlog.get_logger()


def audit_keys(sealer: Sealer) -> tuple[bytes, ...]:
    """The keys of seals: the first one seals, all of them verify."""
    return sealer.derive(KEY_PURPOSE)


def make_mac(key: bytes, digest: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.digest(key, digest, "sha256")


async def seal_entries(db: Connection, keys: Sequence[bytes], now: datetime) -> int:
    """Seals the oldest entries that are not sealed yet, up to `BATCH`; returns how many. Needs platform scope."""
    await store.lock_chain(db)
    last = await store.select_last(db)
    entries = await store.select_unsealed(db, last.reached - LATEST_ENTRY if last else EPOCH, BATCH)
    if not entries:
        return 0
    seal = _make_seal(last, entries, now)
    await store.insert_seal(db, seal, make_mac(keys[0], seal.digest), entries)
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
