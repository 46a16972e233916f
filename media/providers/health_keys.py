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
    """Creates health keys that contain a fingerprint of the provider's configuration.

    The fingerprint separates workspaces that have their own keys at the same provider, because they must not share its
    health. It leaves the process, so it is keyed with a secret, which prevents anyone from testing guessed API keys
    against it.

    Args:
        secret: The secret that all processes with shared health use.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, kind: ProviderKind, choice: ProviderPlan, request_options: Collection[str]) -> HealthKey:
        """Return the health key for a provider of a plan.

        Args:
            request_options: The names of options that describe the request but not the account. The fingerprint
                excludes them.
        """
        options = {name: value for name, value in choice.options.items() if name not in request_options}
        text = msgspec.json.encode((choice.vendor_name, options), order="deterministic")
        fingerprint = hmac.digest(self._secret, text, "sha256")[:_FINGERPRINT_BYTES].hex()
        return HealthKey(kind, choice.provider, fingerprint)
