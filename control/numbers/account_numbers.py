"""Takes a number that the platform's account has at a carrier, so that a workspace can have it."""

from dataclasses import replace
from decimal import Decimal
from typing import Final
from uuid import UUID

import structlog

from control.carriers.rules import Carrier, CarrierRefused, CarrierUnavailable, OwnedNumber
from control.carriers.service import NumberPricing
from control.numbers.model import NumberImport, TakenNumber
from control.numbers.numbering_plan import country_of
from shared.errors import Conflict, Invalid, Unavailable

# Numbers of an account that are looked at in one request.
MOST_LISTED: Final = 1_000
log = structlog.get_logger()


async def find_account_numbers(carrier: Carrier, digits: str) -> list[OwnedNumber]:
    """Numbers of the account that contain these digits, up to MOST_LISTED. Raises Unavailable (codes carrier_away,
    carrier_refused)."""
    try:
        return list(await carrier.list_numbers(digits, MOST_LISTED))
    except CarrierUnavailable:
        raise _away() from None
    except CarrierRefused:
        raise _refused() from None


async def take_number(carrier: Carrier, wanted: NumberImport, number_id: UUID) -> TakenNumber:
    """Sends the number's calls to us. number_id: ours. May be repeated: a number whose calls go to us is taken again.

    Raises Invalid (codes number_not_owned, price_required), Conflict (number_elsewhere, number_pending), Unavailable
    (codes carrier_away, carrier_refused)."""
    try:
        owned = await carrier.find_owned(wanted.phone_number)
        if owned is None:
            raise Invalid(
                f"The platform's account at {carrier.name} has no such number.",
                code="number_not_owned",
                param="phone_number",
            )
        _require_free(owned, wanted)
        # Before the number is configured: whoever had its calls until now loses them for an import that succeeds only.
        price = await _require_price(carrier, wanted)
        await carrier.configure(replace(owned, reference=str(number_id)))
    except CarrierUnavailable:
        raise _away() from None
    except CarrierRefused:
        raise _refused() from None
    if owned.target == "elsewhere":
        log.warning("number.taken_over", carrier=carrier.name, phone_number_id=str(number_id))
    return TakenNumber(number_id, owned, price)


def _require_free(owned: OwnedNumber, wanted: NumberImport) -> None:
    if owned.pending:
        raise Conflict(f"The number takes no calls yet. {owned.pending}", code="number_pending", param="phone_number")
    if owned.target == "elsewhere" and not wanted.take_over:
        raise Conflict(
            "The number's calls or messages go elsewhere: take_over sends its calls to this platform instead.",
            code="number_elsewhere",
            param="take_over",
        )


async def _require_price(carrier: Carrier, wanted: NumberImport) -> Decimal:
    """US dollars a month. Some carriers tell none for numbers that are no longer for sale; at 0 the workspace would
    never pay for the number, so that is only done when told to."""
    if wanted.monthly_price is not None:
        return wanted.monthly_price
    country, price = country_of(wanted.phone_number), None
    if country is not None and isinstance(carrier, NumberPricing):
        price = await carrier.monthly_price(wanted.phone_number, country)
    if price is None:
        raise Invalid(
            f"{carrier.name} does not tell what this number costs: name its price a month in US dollars.",
            code="price_required",
            param="monthly_price",
        )
    return price


def _away() -> Unavailable:
    return Unavailable("The phone carrier is unavailable. Try again in a moment.", code="carrier_away")


def _refused() -> Unavailable:
    return Unavailable("The phone carrier refused the request.", code="carrier_refused")
