"""Public test vectors, and the differences between Twilio and proxies."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from shared.twilio_signature import is_signed, sign

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "spec" / "vectors.json").read_text())["vectors"]
TWILIO = [vector for vector in VECTORS if vector["provider"] == "twilio" and "url" in vector]
GOOD = [vector for vector in TWILIO if "expected" in vector]
BAD = [vector for vector in TWILIO if "signature_to_reject" in vector]
FORM = "https://mycompany.com/myapp.php?foo=1&bar=2"
FIELDS = [("CallSid", "CA1234567890ABCDE"), ("To", "+18005551212")]


def fields(vector: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, item)
        for name, value in (vector.get("params") or {}).items()
        for item in (value if isinstance(value, list) else [value])
    ]


def signed(vector: dict[str, Any], signature: str, *, token: str = "", url: str = "") -> bool:
    body = vector["raw_body"].encode() if "raw_body" in vector else None
    tokens = [token or vector["auth_token"]]
    return is_signed(tokens, url or vector["url"], signature, fields=fields(vector), body=body)


@pytest.mark.parametrize("vector", GOOD, ids=[vector["id"] for vector in GOOD])
def test_public_vectors(vector: dict[str, Any]) -> None:
    assert signed(vector, vector["expected"])
    assert not signed(vector, vector["expected"], token="other")
    assert not signed(vector, vector["expected"], url=vector["url"] + "x")


@pytest.mark.parametrize("vector", BAD, ids=[vector["id"] for vector in BAD])
def test_refused_public_vectors(vector: dict[str, Any]) -> None:
    assert not signed(vector, vector["signature_to_reject"])


@pytest.mark.parametrize(
    ("signed_url", "requested_url"),
    [
        ("https://h.example/p", "https://h.example:443/p"),
        ("https://h.example:443/p", "https://h.example/p"),
        ("wss://h.example/media/twilio", "wss://h.example:443/media/twilio"),
        ("http://u:p@h.example/p", "http://u:p@h.example:80/p"),
        ("https://[::1]/p", "https://[::1]:443/p"),
    ],
)
def test_default_port_makes_no_difference(signed_url: str, requested_url: str) -> None:
    assert is_signed(["t"], requested_url, sign("t", signed_url, FIELDS), fields=FIELDS)


def test_other_ports_differ() -> None:
    assert not is_signed(["t"], "https://h:8443/p", sign("t", "https://h/p"))
    assert not is_signed(["t"], "https://h:99999999/p", sign("t", "https://h/p"))


def test_any_of_several_tokens_is_accepted() -> None:
    assert is_signed(["new", "old"], FORM, sign("old", FORM, FIELDS), fields=FIELDS)
    assert not is_signed([], FORM, sign("old", FORM, FIELDS), fields=FIELDS)


@pytest.mark.parametrize("signature", ["", "x", "ÄÖ", "\ud800"])
def test_invalid_signature_is_refused(signature: str) -> None:
    assert not is_signed(["t"], FORM, signature, fields=FIELDS)


def test_changed_json_body_is_refused() -> None:
    body = b'{"a":1}'
    url = f"https://h/p?bodySHA256={hashlib.sha256(body).hexdigest()}"
    assert is_signed(["t"], url, sign("t", url), body=body)
    assert not is_signed(["t"], url, sign("t", url), body=body + b" ")
    assert not is_signed(["t"], "https://h/p", sign("t", "https://h/p"), body=body)
