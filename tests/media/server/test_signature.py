"""Twilio's signature on the upgrade, made by its own SDK."""

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no types

from media.server.signature import Signatures

URL = "wss://media-1.example.com"
TOKENS = ("new token", "old token")


def signed(url: str, token: str = TOKENS[0]) -> str:
    return str(RequestValidator(token).compute_signature(url, {}))


@pytest.mark.parametrize("path", ["/media/twilio", "/media/twilio/token", "/media/twilio?a=b"])
@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("base", [URL, "https://media-1.example.com", "wss://media-1.example.com:443"])
def test_the_right_one_is_let_in(path: str, token: str, base: str) -> None:
    given = [signed(base + path, token)]
    for required in (False, True):
        assert Signatures(URL, TOKENS, required).fault(path, given) == ""


@pytest.mark.parametrize(
    "given",
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
def test_a_wrong_one_never(given: list[str]) -> None:
    for required in (False, True):
        assert Signatures(URL, TOKENS, required).fault("/media/twilio", given) == "forged"


def test_without_one_it_depends() -> None:
    assert Signatures(URL, TOKENS).fault("/media/twilio", []) == ""
    assert Signatures(URL, TOKENS, required=True).fault("/media/twilio", []) == "unsigned"


def test_without_tokens_nothing_can_be_checked() -> None:
    assert Signatures(URL, ()).fault("/media/twilio", ["x"]) == ""


def test_it_tells_no_token() -> None:
    assert "secret" not in repr(Signatures(URL, ("secret",)))


def test_a_plain_address_is_spelt_both_ways() -> None:
    local = Signatures("ws://127.0.0.1:8080", TOKENS, required=True)
    for base in ("ws://127.0.0.1:8080", "http://127.0.0.1:8080"):
        assert local.fault("/media/twilio", [signed(base + "/media/twilio")]) == ""
