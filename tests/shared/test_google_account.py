"""Service accounts of Google: key files and the tokens that they sign."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from simulator.vendors.google_account import PROJECT, TokenCheck, make_key_file
from vendors.google_speech.account import AccountInvalid, read_account


def make_pem(key: Any) -> str:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def test_tokens_are_what_the_vendor_accepts() -> None:
    text = make_key_file("a")
    account = read_account(text)
    assert account.project == PROJECT
    assert TokenCheck(text).find_fault(f"Bearer {account.token()}") == ""
    assert TokenCheck(make_key_file("b")).find_fault(f"Bearer {account.token()}") == "InvalidSignatureError"
    assert jwt.get_unverified_header(account.token())["kid"] == "a-key"


def test_a_file_in_base64_is_the_same() -> None:
    text = base64.b64encode(make_key_file("a").encode()).decode()
    token = read_account(f" {text}\n", checks_key=False).token()
    assert TokenCheck(make_key_file("a")).find_fault(f"Bearer {token}") == ""


def test_a_token_is_replaced_ten_minutes_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    account, now = read_account(make_key_file("a")), 1_800_000_000.0
    monkeypatch.setattr("vendors.google_speech.account.time.time", lambda: now)
    first = account.token()
    now += 2_999
    assert account.token() == first
    now += 2
    second = account.token()
    assert second != first
    claims = jwt.decode(second, options={"verify_signature": False})
    assert claims["iat"] == int(now) and claims["exp"] == int(now) + 3_600
    now -= 7_200  # the clock was put right
    assert jwt.decode(account.token(), options={"verify_signature": False})["iat"] == int(now)


def test_a_key_that_cannot_sign_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> str:
        raise ValueError("numbers of the key")

    monkeypatch.setattr("vendors.google_speech.account.jwt.encode", fail)
    with pytest.raises(AccountInvalid, match="cannot sign"):
        read_account(make_key_file("a")).token()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"type": "external_account"}, "type is not service_account"),
        ({"client_email": "a b"}, "the JSON key file"),
        ({"project_id": "a\nb"}, "the JSON key file"),
        ({"private_key": make_pem(ec.generate_private_key(ec.SECP256R1()))}, "not an RSA key"),
        ({"private_key": make_pem(rsa.generate_private_key(65_537, 1_024))}, "not an RSA key of 2048"),
    ],
)
def test_what_is_wrong_with_a_key_file_is_named_without_quoting_it(changed: dict[str, str], words: str) -> None:
    text = json.dumps({**json.loads(make_key_file("a")), **changed})
    with pytest.raises(AccountInvalid, match=words) as raised:
        read_account(text)
    assert "PRIVATE KEY-----" not in str(raised.value)
