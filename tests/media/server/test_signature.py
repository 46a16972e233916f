"""Twilio's signature on the upgrade request, made with its own SDK."""

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no types

from media.server.signature import SignatureCheck

URL = "wss://media-1.example.com"
TOKENS = ("new token", "old token")


def signed(url: str, token: str = TOKENS[0]) -> str:
    return str(RequestValidator(token).compute_signature(url, {}))


@pytest.mark.parametrize(
    ("signed_path", "path"),
    [
        ("/media/twilio", "/media/twilio"),
        ("/media/twilio/", "/media/twilio"),
        ("/media/twilio", "/media/twilio/"),
        ("/media/twilio/token/", "/media/twilio/token"),
        ("/media/twilio?a=b", "/media/twilio?a=b"),
        ("/media/twilio/?a=b", "/media/twilio?a=b"),
    ],
)
@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("base", [URL, "https://media-1.example.com", "wss://media-1.example.com:443"])
def test_valid_signature_is_accepted(signed_path: str, path: str, token: str, base: str) -> None:
    signatures = [signed(base + signed_path, token)]
    for required in (False, True):
        assert SignatureCheck(URL, TOKENS, required).error(path, signatures) == ""


@pytest.mark.parametrize(
    "signatures",
    [
        [signed(URL + "/media/twilio", "another token")],
        [signed(URL + "/media/telnyx")],
        [signed("wss://elsewhere.example.com/media/twilio")],
        [signed("ws://media-1.example.com/media/twilio")],
        [""],
        ["é"],
        [signed(URL + "/media/twilio")] * 2,
    ],
)
def test_wrong_signature_is_recognized(signatures: list[str]) -> None:
    for required in (False, True):
        assert SignatureCheck(URL, TOKENS, required).error("/media/twilio", signatures) == "forged"


def test_missing_signature_is_recognized() -> None:
    assert SignatureCheck(URL, TOKENS).error("/media/twilio", []) == "unsigned"


def test_without_tokens_any_signature_is_accepted() -> None:
    assert SignatureCheck(URL, ()).error("/media/twilio", ["x"]) == ""


def test_repr_holds_no_token() -> None:
    assert "secret" not in repr(SignatureCheck(URL, ("secret",)))


def test_plain_urls_are_tried_with_both_schemes() -> None:
    local = SignatureCheck("ws://127.0.0.1:8080", TOKENS, required=True)
    for base in ("ws://127.0.0.1:8080", "http://127.0.0.1:8080"):
        assert local.error("/media/twilio", [signed(base + "/media/twilio")]) == ""


def test_shared_key_of_a_webhook_rule() -> None:
    check = SignatureCheck(URL, TOKENS, required=True, shared_keys={"key-1": "secret"})
    path, settings = "/media/twilio", "key=key-1,algorithm=HMAC_SHA256"
    signature = str(RequestValidator("secret").compute_signature(URL + path, {}, "HMAC_SHA256"))
    assert check.error(path, [signature], [settings]) == ""
    assert check.error(path, [signature]) == "forged"
    assert check.error(path, [signature], ["key=key-2,algorithm=HMAC_SHA256"]) == "forged"
    assert check.error(path, [signed(URL + path)], [settings]) == "forged"
    assert check.error(path, [signature], [settings] * 2) == "forged"
    assert "secret" not in repr(check)
