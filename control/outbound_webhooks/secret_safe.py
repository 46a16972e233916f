"""Seals the secrets that sign outbound webhooks, and replaces them with an overlap."""

from datetime import datetime, timedelta
from typing import Final

from control.outbound_webhooks.model import SealedSecrets
from control.outbound_webhooks.signature import new_secret
from shared.secrets import Sealer

OVERLAP: Final = timedelta(hours=24)
WEBHOOK_SECRET_PURPOSE: Final = "outbound webhook"


class SecretSafe:
    """Seals and opens secrets of endpoints."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def create(self) -> tuple[str, SealedSecrets]:
        """A new secret, to be shown once, and what is stored of it."""
        secret = new_secret()
        return secret, SealedSecrets(self._sealer.seal(secret.encode(), WEBHOOK_SECRET_PURPOSE))

    def rotate(self, before: SealedSecrets, now: datetime) -> tuple[str, SealedSecrets]:
        """As `create`; the current secret signs as well for 24 hours, one before it no longer."""
        secret, new = self.create()
        return secret, SealedSecrets(new.current, before.current, now + OVERLAP)

    def open(self, sealed: SealedSecrets, now: datetime) -> list[str]:
        """The secrets that sign now, the current one first. Raises shared.secrets.UnsealError."""
        valid = [sealed.current]
        if sealed.old is not None and sealed.old_until is not None and now < sealed.old_until:
            valid.append(sealed.old)
        return [self._sealer.open(one, WEBHOOK_SECRET_PURPOSE).decode() for one in valid]
