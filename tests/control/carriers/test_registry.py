"""Which carriers are set up, and which one is the default."""

import pytest

from control.carriers.rules import CarrierRefused
from control.carriers.service import CarrierOptions, NumberPricing, open_carriers
from shared.errors import Conflict

WEBHOOK_URL = "https://hooks.example.com/"
TWILIO = {"twilio_account_sid": "AC1", "twilio_token": "t"}
TELNYX = {"telnyx_api_key": "KEY", "telnyx_connection_id": "1"}


async def test_missing_carriers_raise_when_used() -> None:
    async with open_carriers(CarrierOptions(WEBHOOK_URL)) as carriers:
        with pytest.raises(Conflict) as missing:
            _ = carriers.default
        assert missing.value.code == "no_carrier"
        with pytest.raises(CarrierRefused) as refused:
            carriers.get("twilio")
        assert (refused.value.carrier, refused.value.code) == ("twilio", "not_set_up")
        assert carriers.telnyx is None


@pytest.mark.parametrize(
    ("settings", "default", "telnyx"),
    [
        (TWILIO, "twilio", False),
        (TELNYX, "telnyx", True),
        (TWILIO | TELNYX, "twilio", True),
        (TWILIO | TELNYX | {"default": "telnyx"}, "telnyx", True),
        ({"twilio_account_sid": "AC1"} | TELNYX, "telnyx", True),
    ],
)
async def test_default_is_the_configured_carrier_or_the_first(
    settings: dict[str, str], default: str, telnyx: bool
) -> None:
    async with open_carriers(CarrierOptions(WEBHOOK_URL, **settings)) as carriers:  # type: ignore[arg-type]
        assert carriers.default.name == default
        assert (carriers.telnyx is not None) == telnyx
        assert carriers.get(default) is carriers.default
        assert isinstance(carriers.default, NumberPricing)


async def test_default_that_is_not_set_up_raises() -> None:
    options = CarrierOptions(WEBHOOK_URL, "AC1", "t", default="telnyx")
    async with open_carriers(options) as carriers:
        with pytest.raises(Conflict):
            _ = carriers.default
