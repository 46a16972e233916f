"""A service account of a simulated Google: its key file, and the check of tokens that the account signs.

Source: developers.google.com/identity/protocols/oauth2/service-account, "Service account authorization without OAuth".
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

PROJECT: Final = "simulated-project"
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_LONGEST_S: Final = 3_600


@lru_cache(maxsize=8)
def make_key_file(name: str) -> str:
    """Return the JSON key file of an account in Google Cloud's format. It is created once per process."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    email = f"{name}@{PROJECT}.iam.gserviceaccount.com"
    fields = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": f"{name}-key",
        "private_key": pem,
        "client_email": email,
        "client_id": "100000000000000000000",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    }
    return json.dumps(fields, indent=2)


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Accepts tokens that the account of a key file has signed."""

    key_file: str

    def find_fault(self, authorization: str) -> str:
        """Return what is wrong with an Authorization header's value; "" if it is valid."""
        fields = json.loads(self.key_file)
        public = _public_key(fields["private_key"])
        try:
            claims = jwt.decode(
                authorization.removeprefix("Bearer "), public, algorithms=["RS256"], options={"verify_aud": False}
            )
        except jwt.InvalidTokenError as error:
            return type(error).__name__
        if claims.get("iss") != fields["client_email"] or claims.get("sub") != fields["client_email"]:
            return "another account"
        if _SCOPE not in str(claims.get("scope", "")) and "aud" not in claims:
            return "neither scope nor audience"
        return "" if 0 < claims["exp"] - claims["iat"] <= _LONGEST_S else "valid for too long"


@lru_cache(maxsize=8)
def _public_key(pem: str) -> rsa.RSAPublicKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.public_key()
