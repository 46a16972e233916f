"""Where a running platform answers and who may sign in: told by `up`, read by `call --to`."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from vocalized.first_accounts import SignIn
from vocalized.secret_file import write_secret

_KEPT = "addresses.json"


class NotRunning(Exception):
    """No platform runs on this state; the message says what to do."""


class Addresses(Struct, frozen=True, omit_defaults=False):
    """What is told when all is ready. Empty: no simulated carrier, or no number at it."""

    control: str
    media: str
    carrier: str
    admin: SignIn
    user: SignIn
    workspace_id: str
    agent_id: str
    number: str
    telnyx_number: str
    media_nodes: Sequence[str]

    @property
    def line(self) -> str:
        """As one line of JSON."""
        return msgspec.json.encode(self).decode()


def write_addresses(state: Path, addresses: Addresses) -> None:
    """For its owner's eyes only: it holds passwords."""
    write_secret(state / _KEPT, addresses.line.encode())


def read_addresses(state: Path) -> Addresses:
    """Those of the platform that runs, or ran last, on this state. Raises NotRunning."""
    try:
        return msgspec.json.decode((state / _KEPT).read_bytes(), type=Addresses)
    except FileNotFoundError:
        raise NotRunning(f"no platform runs on {state}: start one with `vocalized up`, or give its --state") from None
    except (OSError, msgspec.DecodeError) as error:
        raise NotRunning(f"{state / _KEPT} cannot be read: {error}") from None


def forget_addresses(state: Path) -> None:
    """The platform ends."""
    (state / _KEPT).unlink(missing_ok=True)
