"""Makes ids: UUIDv7 (RFC 9562, section 5.7), which sort by time."""

import os
import time
import uuid


def new_id(now_ms: int | None = None, random: bytes | None = None) -> str:
    """Return a UUIDv7 as text. `now_ms` (Unix time in ms) and `random` (10 bytes) are for tests."""
    moment = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    tail = int.from_bytes(os.urandom(10) if random is None else random, "big")
    value = (moment & (1 << 48) - 1) << 80 | tail
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
