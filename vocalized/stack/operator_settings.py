"""The settings by which an operator's command reaches the running platform: written by `up`, removed at its end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from vocalized.stack.addresses import StackNotRunning
from vocalized.stack.secret_file import write_secret

_FILE: Final = "operator.json"
_NAMES: Final = ("VOCALIZED_DATABASE_URL",)
_KEYS: Final = ("VOCALIZED_VAULT_KEYS", "VOCALIZED_SECRET_KEYS")
# The authorities that connections to vendors trust, where they are not the usual ones.
_OPTIONAL: Final = ("SSL_CERT_FILE",)


def write_operator_settings(state: Path, settings: Mapping[str, str]) -> None:
    """Only the file's owner may read it: it holds keys."""
    found = {name: settings[name] for name in _NAMES}
    found |= {name: settings[name] for name in (*_KEYS, *_OPTIONAL) if name in settings}
    write_secret(state / _FILE, msgspec.json.encode(found))


def read_operator_settings(state: Path) -> dict[str, str]:
    """The settings of the platform that runs on this state. Raises StackNotRunning."""
    try:
        return msgspec.json.decode((state / _FILE).read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        raise StackNotRunning(
            f"no platform runs on {state}: start one with `vocalized up`, or give its --state"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise StackNotRunning(f"{state / _FILE} cannot be read: {error}") from None


def remove_operator_settings(state: Path) -> None:
    """Called when the platform stops."""
    (state / _FILE).unlink(missing_ok=True)
