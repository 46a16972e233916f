"""Checks a key and its settings at the vendor before they are saved, and reports the vendor's reason."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from control.voice.keys import KeyedProvider
from control.voice.role_check import RoleRefused, check_roles
from control.voice.routing.rules import KINDS, Kind
from shared.egress import EgressGuard
from shared.errors import Invalid

TIMEOUT_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """A provider whose key and settings should be checked.

    Attributes:
        is_guarded: Whether a customer gave the address.
        kinds: The roles to check.
    """

    provider: KeyedProvider
    is_guarded: bool = False
    kinds: tuple[Kind, ...] = KINDS


class KeyChecker:
    """Checks keys and settings by requests to the vendor.

    Args:
        guard: Checks addresses that customers configured.
    """

    def __init__(self, guard: EgressGuard, timeout_s: float = TIMEOUT_S) -> None:
        self.guard = guard
        self._timeout_s = timeout_s

    def prepare(self, wanted: KeyCheck | None, owner: str = "") -> Callable[[], Awaitable[None]] | None:
        """Return the check in the form that CheckedChange takes.

        Args:
            owner: See `check`.
        """
        return None if wanted is None else partial(self.check, wanted, owner)

    async def check(self, wanted: KeyCheck, owner: str = "") -> None:
        """Send the vendor a request for each role. Do nothing if there is no server to query.

        Raises Invalid: key_refused for the key, provider_refused for anything else, with the vendor's reason. The error
        names the invalid option if the answer identifies it.

        Args:
            owner: The workspace that gave the address. Limits on slow DNS look-ups apply per workspace.
        """
        try:
            guard = self.guard.of(owner) if wanted.is_guarded else None
            await check_roles(wanted.provider, self._timeout_s, guard, wanted.kinds)
        except RoleRefused as failed:
            reason = f"{failed}: {failed.words}" if failed.words else str(failed)
            if failed.is_key_refused and not (failed.status == 403 and failed.option):  # no access to this model
                raise Invalid(f"The vendor refuses this key: {reason}.", code="key_refused", param="api_key") from None
            message = f"The vendor does not answer with these settings: {reason}."
            param = f"config.{failed.kind}.{failed.option}".rstrip(".")
            raise Invalid(message, code="provider_refused", param=param) from None
