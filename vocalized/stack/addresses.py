"""Where a running platform answers and who may sign in: written by `up`, read by the other commands."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from vocalized.stack.secret_file import write_secret

_FILE = "addresses.json"


class StackNotRunning(Exception):
    """No platform runs on this state; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Email address and password of an account."""

    email: str
    password: str


class StripeAddress(Struct, frozen=True):
    """Where the simulated Stripe answers, and its API key."""

    url: str
    key: str


class IntegrationsAddress(Struct, frozen=True):
    """Where the simulated integrations answer, and the key that they take as a bearer token."""

    url: str
    key: str


class Addresses(Struct, frozen=True, omit_defaults=False):
    """Printed when everything is ready. Empty strings: no simulated carrier, or no number at it. rule_based: the agent
    answers by rules, without a language model. stripe, integrations: the simulated ones, if they run."""

    control: str
    media: str
    carrier: str
    admin: Credentials
    user: Credentials
    workspace_id: str
    agent_id: str
    number: str
    telnyx_number: str
    media_nodes: Sequence[str]
    rule_based: bool = False
    stripe: StripeAddress | None = None
    integrations: IntegrationsAddress | None = None

    @property
    def line(self) -> str:
        """One line of JSON."""
        return msgspec.json.encode(self).decode()


def write_addresses(state: Path, addresses: Addresses) -> None:
    """Only the file's owner may read it: it holds passwords."""
    write_secret(state / _FILE, addresses.line.encode())


def read_addresses(state: Path) -> Addresses:
    """The addresses of the platform that runs on this state. Raises StackNotRunning."""
    try:
        return msgspec.json.decode((state / _FILE).read_bytes(), type=Addresses)
    except FileNotFoundError:
        raise StackNotRunning(
            f"no platform runs on {state}: start one with `vocalized up`, or give its --state"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise StackNotRunning(f"{state / _FILE} cannot be read: {error}") from None


def remove_addresses(state: Path) -> None:
    """Called when the platform stops."""
    (state / _FILE).unlink(missing_ok=True)
