"""Which carriers there are, and whose numbers are bought."""

import pytest

from control.carriers.book import CarrierOptions, Priced, open_carriers
from control.carriers.model import CarrierRefused
from shared.errors import Conflict

HOOKS = "https://hooks.example.com/"
TWILIO = {"twilio_account_sid": "AC1", "twilio_token": "t"}
TELNYX = {"telnyx_api_key": "KEY", "telnyx_connection_id": "1"}


async def test_nothing_set_up_is_told_when_it_is_needed() -> None:
    async with open_carriers(CarrierOptions(HOOKS)) as carriers:
        with pytest.raises(Conflict) as missing:
            _ = carriers.default
        assert missing.value.code == "no_carrier"
        with pytest.raises(CarrierRefused) as refused:
            carriers.get("twilio")
        assert (refused.value.carrier, refused.value.code) == ("twilio", "not_set_up")
        assert carriers.telnyx is None


@pytest.mark.parametrize(
    ("given", "default", "telnyx"),
    [
        (TWILIO, "twilio", False),
        (TELNYX, "telnyx", True),
        (TWILIO | TELNYX, "twilio", True),
        (TWILIO | TELNYX | {"default": "telnyx"}, "telnyx", True),
        ({"twilio_account_sid": "AC1"} | TELNYX, "telnyx", True),
    ],
)
async def test_the_default_is_what_was_said_or_the_first(given: dict[str, str], default: str, telnyx: bool) -> None:
    async with open_carriers(CarrierOptions(HOOKS, **given)) as carriers:  # type: ignore[arg-type]
        assert carriers.default.name == default
        assert (carriers.telnyx is not None) == telnyx
        assert carriers.get(default) is carriers.default
        assert isinstance(carriers.default, Priced)


async def test_a_default_that_is_not_set_up_is_no_carrier() -> None:
    options = CarrierOptions(HOOKS, "AC1", "t", default="telnyx")
    async with open_carriers(options) as carriers:
        with pytest.raises(Conflict):
            _ = carriers.default
