"""Customers' tax ids at Stripe, which prints them on its invoices and receipts."""

import re
from collections.abc import Mapping
from typing import Any, Final

import structlog

from control.billing.payments.provider import BillingCustomer, BillingProviderError
from control.billing.stripe.client import StripeApi, call_stripe, create_object, each_object

_EU: Final = "AT BE BG HR CY CZ DE DK EE ES FI FR GR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
# Kind of tax id by country, for countries where businesses have only one kind
# (docs.stripe.com/billing/customer/tax-ids).
_KINDS: Final[Mapping[str, str]] = dict.fromkeys(_EU.split(), "eu_vat") | {
    "AE": "ae_trn",
    "AU": "au_abn",
    "BR": "br_cnpj",
    "CA": "ca_bn",
    "CH": "ch_vat",
    "CL": "cl_tin",
    "GB": "gb_vat",
    "IL": "il_vat",
    "IN": "in_gst",
    "IS": "is_vat",
    "KR": "kr_brn",
    "MX": "mx_rfc",
    "NO": "no_vat",
    "NZ": "nz_gst",
    "SA": "sa_vat",
    "SG": "sg_gst",
    "TH": "th_vat",
    "TR": "tr_tin",
    "TW": "tw_vat",
    "UA": "ua_vat",
    "US": "us_ein",
    "ZA": "za_vat",
}
log = structlog.get_logger()


async def sync_tax_id(api: StripeApi, customer: BillingCustomer, customer_id: str) -> None:
    """Add the customer's tax id, and remove an earlier id of this kind.

    If Stripe refuses the tax id, it is left out with a warning, because it must not prevent invoices. Raises
    BillingProviderUnavailable.
    """
    kind = _KINDS.get(customer.country or "")
    if kind is None:
        return
    try:
        await _replace(api, customer_id, kind, re.sub(r"\s", "", customer.tax_id))
    except BillingProviderError as error:
        log.warning("tax_id.refused", workspace_id=str(customer.workspace_id), kind=kind, reason=str(error))


async def _replace(api: StripeApi, customer_id: str, kind: str, value: str) -> None:
    stored = [known for known in await _list(api, customer_id) if known.type == kind]
    if value and not any(_same(known.value, value) for known in stored):
        await create_object(
            f"tax-{customer_id}-{kind}-{_plain(value)}",
            lambda options: api.v1.customers.tax_ids.create_async(customer_id, _fields(kind, value), options),
            lambda: _find(api, customer_id, kind, value),
            is_missing=True,
        )
    for known in stored:
        if not _same(known.value, value):
            await _delete(api, customer_id, known.id)


async def _list(api: StripeApi, customer_id: str) -> list[Any]:
    page = await call_stripe(lambda: api.v1.customers.tax_ids.list_async(customer_id, {"limit": 100}))
    return [known async for known in each_object(page)]


async def _find(api: StripeApi, customer_id: str, kind: str, value: str) -> Any | None:
    found = await _list(api, customer_id)
    return next((known for known in found if known.type == kind and _same(known.value, value)), None)


async def _delete(api: StripeApi, customer_id: str, tax_id: str) -> None:
    await call_stripe(lambda: api.v1.customers.tax_ids.delete_async(customer_id, tax_id))


def _fields(kind: str, value: str) -> Any:
    return {"type": kind, "value": value}


def _same(known: str, other: str) -> bool:
    return _plain(known) == _plain(other)


def _plain(value: str) -> str:
    """Return the value without spaces and dots."""
    return re.sub(r"[^0-9A-Z]", "", value.upper())
