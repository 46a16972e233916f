"""The accounts and keys that simulated carriers and the platform share; generated at the first start and stored."""

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vocalized.stack.secret_file import write_secret

_FILE = "carrier-keys.json"
_SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class CarrierKeys:
    """In the carriers' own formats. signing_seed: of Telnyx's ed25519 key, base64; only the carrier's side uses it."""

    account_sid: str
    auth_token: str
    api_key: str
    connection_id: str
    signing_seed: str

    @property
    def public_key(self) -> str:
        """Telnyx's public key, base64, as its portal shows it."""
        key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(self.signing_seed))
        return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def carrier_keys(state: Path) -> CarrierKeys:
    """The keys of an earlier start, or new ones, in a file that only its owner may read."""
    path = state / _FILE
    if not path.exists():
        write_secret(path, msgspec.json.encode(_generate()))
    return msgspec.json.decode(path.read_bytes(), type=CarrierKeys)


def _generate() -> CarrierKeys:
    return CarrierKeys(
        account_sid="AC" + secrets.token_hex(16),
        auth_token=secrets.token_hex(16),
        api_key="KEY" + secrets.token_hex(16).upper(),
        connection_id=str(secrets.randbelow(9 * 10**18) + 10**18),
        signing_seed=base64.b64encode(secrets.token_bytes(_SEED_BYTES)).decode(),
    )
