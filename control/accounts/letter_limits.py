"""Limits of letters that strangers can cause, by recipient over all senders: nobody's mailbox is filled through us."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal

from control.accounts import store_letters
from control.db.pool import Connection
from control.platform.service import Platform
from shared.errors import TooManyRequests

# Counted apart, so that whoever has invitations sent to somebody does not keep their new password from them.
LetterKind = Literal["invitation", "confirmation", "password_reset"]

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


class LetterLimits:
    """Counts letters in the transaction that sends them. The limits are settings of the platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def admits(self, db: Connection, kind: LetterKind, to: str, now: datetime) -> bool:
        """Whether one more letter of this kind may be sent to the address; it counts then."""
        per_hour = await self._platform.setting(db, "letters_per_hour")
        per_day = await self._platform.setting(db, "letters_per_day")
        recipient = sha256(f"{kind}\0{to}".encode()).digest()
        return await store_letters.count_letter(db, recipient, now, now - _HOUR, now - _DAY, per_hour, per_day)

    async def require(self, db: Connection, kind: LetterKind, to: str, now: datetime) -> None:
        """Counts a letter. Raises TooManyRequests (letter_limit)."""
        if not await self.admits(db, kind, to, now):
            raise TooManyRequests(
                "This address was sent many letters of this kind; wait before the next.",
                code="letter_limit",
                retry_after_s=int(_HOUR.total_seconds()),
            )

    async def purge(self, db: Connection, now: datetime, most: int) -> int:
        """Deletes counts that are over, up to `most`; returns how many."""
        return await store_letters.purge(db, now - _DAY, most)
