"""Operations on customers' tax ids (docs.stripe.com/billing/customer/tax-ids)."""

import re
from collections.abc import Mapping
from typing import Final

from simulator.stripe.account import StripeAccount, StripeObject, make_page, read_text
from simulator.stripe.customers import find_customer
from simulator.stripe.errors import StripeFailure

_FORMS: Final[Mapping[str, str]] = {
    "eu_vat": r"[A-Z]{2}[0-9A-Z]{8,12}",
    "gb_vat": r"GB[0-9A-Z]{5,12}",
    "us_ein": r"[0-9]{2}-?[0-9]{7}",
}


def create_tax_id(account: StripeAccount, params: StripeObject, customer_id: str) -> StripeObject:
    kind, value = read_text(params, "type"), read_text(params, "value")
    if not re.fullmatch(_FORMS.get(kind, r".+"), value):
        raise StripeFailure(f"Invalid value for {kind}.", code="tax_id_invalid", param="value")
    find_customer(account, customer_id)
    return account.add("txi", "tax_id", {"customer": customer_id, "type": kind, "value": value})


def list_tax_ids(account: StripeAccount, params: StripeObject, customer_id: str) -> StripeObject:
    found = [one for one in account.all("tax_id") if one["customer"] == customer_id]
    return make_page(found, params, f"/v1/customers/{customer_id}/tax_ids")


def delete_tax_id(account: StripeAccount, params: StripeObject, customer_id: str, tax_id: str) -> StripeObject:
    account.find("tax_id", tax_id)["customer"] = None
    return {"id": tax_id, "object": "tax_id", "deleted": True}
