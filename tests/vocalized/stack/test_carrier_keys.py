"""The simulated carriers' accounts and keys."""

import base64
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vocalized.stack.carrier_keys import carrier_keys


def test_keys_are_generated_once_and_private(tmp_path: Path) -> None:
    keys = carrier_keys(tmp_path)
    assert carrier_keys(tmp_path) == keys
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


def test_keys_have_the_carriers_formats(tmp_path: Path) -> None:
    keys = carrier_keys(tmp_path)
    assert re.fullmatch(r"AC[0-9a-f]{32}", keys.account_sid)
    assert re.fullmatch(r"[0-9a-f]{32}", keys.auth_token)
    assert re.fullmatch(r"[1-9]\d{18}", keys.connection_id)


def test_public_key_verifies_signatures_of_the_seed(tmp_path: Path) -> None:
    keys = carrier_keys(tmp_path)
    signature = Ed25519PrivateKey.from_private_bytes(base64.b64decode(keys.signing_seed)).sign(b"1|{}")
    Ed25519PublicKey.from_public_bytes(base64.b64decode(keys.public_key)).verify(signature, b"1|{}")
