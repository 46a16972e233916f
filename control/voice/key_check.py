"""Checks a key and its settings at the vendor before they are saved, and gives back the vendor's reason."""

from dataclasses import dataclass
from typing import Final

from control.voice.instances import KeyedProvider
from control.voice.probe import ProbeFailed, can_probe, probe
from shared.egress import EgressGuard
from shared.errors import Invalid

TIMEOUT_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """A provider whose key and settings are to be tried. is_guarded: a customer gave the address."""

    provider: KeyedProvider
    is_guarded: bool = False


class KeyChecker:
    """guard: of addresses that customers gave."""

    def __init__(self, guard: EgressGuard, timeout_s: float = TIMEOUT_S) -> None:
        self.guard = guard
        self._timeout_s = timeout_s

    async def check(self, wanted: KeyCheck | None) -> None:
        """Asks the vendor; nothing where there is no server that could be asked. Raises Invalid: key_refused for the
        key, provider_refused for anything else, with the vendor's reason."""
        if wanted is None or not can_probe(wanted.provider):
            return
        try:
            await probe(wanted.provider, self._timeout_s, self.guard if wanted.is_guarded else None)
        except ProbeFailed as failed:
            reason = f"{failed}: {failed.words}" if failed.words else str(failed)
            if failed.is_key_refused:
                raise Invalid(f"The vendor refuses this key: {reason}.", code="key_refused", param="api_key") from None
            message = f"The vendor does not answer with these settings: {reason}."
            raise Invalid(message, code="provider_refused", param="config") from None
