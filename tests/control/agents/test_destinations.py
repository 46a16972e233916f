"""Which numbers may be called."""

import re

import pytest

from control.agents.destinations import (
    TARGET,
    TransferTarget,
    country_of,
    parse_destination,
    parse_target,
    require_allowed,
)
from shared.errors import Invalid


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+12125550123", "US"), ("+14165550123", "CA"), ("+442079460123", "GB"), ("+4915228817386", "DE"),
        ("+18005551212", "US"), ("+15550001234", "US"), ("+447700900123", "GB"), ("+18765551234", "JM"),
    ],
)  # fmt: skip
def test_ordinary_numbers(number: str, country: str) -> None:
    assert parse_destination(number) == (number, country)
    assert country_of(number) == country


@pytest.mark.parametrize(
    "number", ["", "2125550123", "+0123456789", "+1212555012", "+12125550123x", "+1999", "+99912345678",
               "+1 2125550123", "+12125550123;ext=1", "\u0661\u0662\u0663", "+4420794601"],
)  # fmt: skip
def test_invalid_numbers_are_refused(number: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_destination(number)
    assert (raised.value.code, raised.value.param) == ("number_invalid", "phone_number_to_call")


@pytest.mark.parametrize(
    "number",
    [
        "+19005551234",  # premium rate, US
        "+19005550100",  # the same, although it looks like a reserved one
        "+12129761234",  # North America's premium exchange
        "+14169761234",
        "+15559761234",
        "+15005550100",  # personal number, US
        "+449098790123",  # premium rate, GB
        "+448431234567",  # shared cost, GB
        "+447012345678",  # personal number, GB
        "+4990012345678"[:13],  # premium rate, DE
        "+870773111632",  # Inmarsat
        "+881612345678",  # Globalstar, Iridium
        "+882161234567",  # international networks
        "+979123456789",  # international premium rate
        "+80012345678",  # international freephone: no country
    ],
)
def test_premium_and_satellite_numbers_are_refused(number: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_destination(number)
    assert raised.value.code in ("number_refused", "number_invalid")


def test_allowed_countries() -> None:
    require_allowed("US", [], [])
    require_allowed("CA", [], [])
    require_allowed("DE", ["DE"], [])
    require_allowed("FR", ["DE"], ["FR"])
    for country, own, chosen in (("JM", ["US"], []), ("US", ["US"], ["FR"]), ("DE", [], [])):
        with pytest.raises(Invalid) as raised:
            require_allowed(country, own, chosen)
        assert raised.value.code == "country_not_allowed"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("+12125550123", TransferTarget("+12125550123", "US")),
        ("+12125550123;ext=204", TransferTarget("+12125550123", "US", "204")),
        ("+12125550123;ext=*1#", TransferTarget("+12125550123", "US", "*1#")),
        ("sip:desk@pbx.acme.com", TransferTarget(sip="sip:desk@pbx.acme.com")),
        ("SIPS:204@pbx.acme.com:5061", TransferTarget(sip="SIPS:204@pbx.acme.com:5061")),
        ("sip:+12125550123@8.8.8.8", TransferTarget(sip="sip:+12125550123@8.8.8.8")),
        ("sip:frontdesk2@sip.telnyx.com", TransferTarget(sip="sip:frontdesk2@sip.telnyx.com")),
    ],
)
def test_transfer_targets(text: str, target: TransferTarget) -> None:
    assert parse_target(text) == target
    assert re.fullmatch(TARGET, text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("+12125550123;ext=", "number_invalid"),
        ("+12125550123;ext=1234567890123", "number_invalid"),
        ("+12125550123;ext=12w4", "number_invalid"),
        ("+12125550123;phone-context=acme", "number_invalid"),
        ("+19005551234;ext=1", "number_refused"),
        ("sip:desk", "sip_invalid"),
        ("sip:desk@", "sip_invalid"),
        ("sip:desk@pbx", "sip_invalid"),
        ("sip:desk@pbx.local", "sip_invalid"),
        ("sip:desk@127.0.0.1", "sip_invalid"),
        ("sip:desk@10.1.2.3", "sip_invalid"),
        ("sip:desk@169.254.169.254", "sip_invalid"),
        ("sip:desk@300.1.1.1", "sip_invalid"),
        ("sip:desk@2130706433", "sip_invalid"),
        ("sip:desk@pbx.acme.com:99999", "sip_invalid"),
        ("sip:desk@pbx.acme.com;transport=tls", "sip_invalid"),
        ("sip:desk@pbx.acme.com?Subject=x", "sip_invalid"),
        ("sip:a@b@pbx.acme.com", "sip_invalid"),
        ("sip:de sk@pbx.acme.com", "sip_invalid"),
        ('sip:desk"><Dial>@pbx.acme.com', "sip_invalid"),
        ("tel:+12125550123", "number_invalid"),
        ("sip:+19005551234@sip.telnyx.com", "number_refused"),
        ("sip:0019005551234@SIP.Telnyx.com", "number_refused"),
        ("sip:+1-900-555-1234@acme.pstn.twilio.com", "number_refused"),
    ],
)
def test_refused_transfer_targets(text: str, code: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_target(text, "number")
    assert (raised.value.code, raised.value.param) == (code, "number")
