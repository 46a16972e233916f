"""Computes the key under which a provider's health is stored."""

import hmac
from collections.abc import Collection
from typing import Final

import msgspec

from media.providers.health import HealthKey
from media.providers.ports import ProviderKind
from shared.plan import ProviderPlan

_FINGERPRINT_BYTES: Final = 12


class HealthKeys:
    """Two workspaces with keys of their own at one provider must not share its health, so the key holds a fingerprint
    of the configuration. It leaves the process, so it is keyed with a secret: nobody can test guessed API keys on it.

    secret: the same in all processes that share health.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, kind: ProviderKind, choice: ProviderPlan, request_options: Collection[str]) -> HealthKey:
        """request_options: names of options that say what is asked, not of whom; they are left out."""
        options = {name: value for name, value in choice.options.items() if name not in request_options}
        text = msgspec.json.encode((choice.vendor_name, options), order="deterministic")
        fingerprint = hmac.digest(self._secret, text, "sha256")[:_FINGERPRINT_BYTES].hex()
        return HealthKey(kind, choice.provider, fingerprint)
