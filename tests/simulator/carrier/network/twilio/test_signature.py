"""Signatures against public vectors (twilio-python's own tests, Twilio's documentation, a public project)."""

import pytest
from twilio.request_validator import RequestValidator, get_signature_algorithm  # type: ignore[import-untyped]

from simulator.carrier.network.twilio.model import TwilioConfig
from simulator.carrier.network.twilio.signature import sign, signature_headers

URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = {"CallSid": "CA1234567890ABCDE", "Digits": "1234", "To": "+18005551212"}
FROM_309 = {**CALL, "From": "+14158675309", "Caller": "+14158675309"}
FROM_310 = {**CALL, "From": "+14158675310", "Caller": "+14158675310"}
FROM_3030 = {**CALL, "From": "+12349013030", "Caller": "+12349013030"}
HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


@pytest.mark.parametrize(
    ("token", "url", "fields", "expected"),
    [
        ("12345", URL, FROM_309, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("12345", "https://mycompany.com:443/myapp.php?foo=1&bar=2", FROM_309, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("12345", "http://mycompany.com:80/myapp.php?foo=1&bar=2", FROM_309, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        ("12345", "http://mycompany.com:1234/myapp.php?foo=1&bar=2", FROM_309, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("12345", f"{URL}&bodySHA256={HASH}", {}, "a9nBmqA0ju/hNViExpshrM61xv4="),
        ("12345", URL, FROM_310, "GvWf1cFY/Q7PnoempGyD5oXAezc="),
        ("12345", URL, FROM_3030, "0/KCTR6DLpKmkAf8muzZqo1nDgQ="),
        ("bla-bla-bla", URL, FROM_3030, "WhE/AXscNWfXaM/e78WXqBlygRY="),
        (
            "token",
            "https://api.acme.com/twilio/voice",
            {"CallSid": "CA1", "From": "+5511987654321", "StirVerstat": "TN-Validation-Passed-A"},
            "A8xudRcvIv+pFEwk/mgVzWhDutw=",
        ),
    ],
)
def test_public_vectors(token: str, url: str, fields: dict[str, str], expected: str) -> None:
    assert sign(token, url, fields.items()) == expected


def test_equal_values_of_a_repeated_name_count_once() -> None:
    fields = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
    assert sign("12345", URL, fields) == "IK+Dwps556ElfBT0I3Rgjkr1wJU="


def test_shared_key_signs_in_place_of_the_token() -> None:
    config = TwilioConfig("AC1", "token", shared_key=("webhooks_sharedkey_1", "secret"))
    headers = signature_headers(config, URL, CALL.items())
    algorithm = get_signature_algorithm(headers["X-Twilio-Webhooks-Signature-Settings"])
    assert algorithm == "HMAC_SHA256"
    assert RequestValidator("secret").validate(URL, CALL, headers["X-Twilio-Signature"], algorithm)
    assert list(signature_headers(TwilioConfig("AC1", "token"), URL)) == ["X-Twilio-Signature"]
