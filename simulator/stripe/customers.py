"""Operations on customers, payment methods and setup intents."""

from collections.abc import Mapping
from typing import Final

from simulator.stripe.account import StripeAccount, StripeObject, make_page, read_text
from simulator.stripe.errors import StripeFailure, declined_card, invalid_parameter

# Stripe's test cards (docs.stripe.com/testing): brand and last four digits.
_CARDS: Final[Mapping[str, tuple[str, str]]] = {
    "pm_card_visa": ("visa", "4242"),
    "pm_card_mastercard": ("mastercard", "4444"),
    "pm_card_chargeCustomerFail": ("visa", "0341"),  # can be attached, is declined when charged
    "pm_card_chargeDeclined": ("visa", "0002"),  # cannot be attached
    "pm_card_authenticationRequired": ("visa", "3184"),  # requires authentication by the card holder at each charge
}


def create_customer(account: StripeAccount, params: StripeObject) -> StripeObject:
    settings: StripeObject = {"default_payment_method": None}
    fields = {name: params.get(name) for name in ("name", "email", "address")}
    made = account.add(
        "cus",
        "customer",
        {**fields, "metadata": params.get("metadata", {}), "invoice_settings": settings, "balance": 0},
    )
    account.emit("customer.created", made)
    return made


def update_customer(account: StripeAccount, params: StripeObject, customer_id: str) -> StripeObject:
    customer = find_customer(account, customer_id)
    chosen = params.get("invoice_settings", {}).get("default_payment_method")
    if chosen is not None:
        if chosen and account.find("payment_method", chosen, status=400)["customer"] != customer_id:
            raise StripeFailure(
                "The customer does not have a payment method with this ID; attach it first.", code="resource_missing"
            )
        customer["invoice_settings"]["default_payment_method"] = chosen or None
    customer["metadata"].update(params.get("metadata", {}))
    customer.update({name: params[name] for name in ("name", "email", "address") if name in params})
    account.emit("customer.updated", customer)
    return customer


def get_customer(account: StripeAccount, params: StripeObject, customer_id: str) -> StripeObject:
    return account.find("customer", customer_id)


def list_customers(account: StripeAccount, params: StripeObject) -> StripeObject:
    email = params.get("email")
    found = [one for one in account.all("customer") if email in (None, one.get("email")) and not one.get("deleted")]
    return make_page(found, params, "/v1/customers")


def delete_customer(account: StripeAccount, params: StripeObject, customer_id: str) -> StripeObject:
    customer = find_customer(account, customer_id)
    account.emit("customer.deleted", customer)
    kept = {"id": customer_id, "object": "customer", "deleted": True}
    customer.clear()
    customer.update(kept)
    return customer


def find_customer(account: StripeAccount, customer_id: str) -> StripeObject:
    """Return a customer that a parameter names. Raises StripeFailure if the customer is unknown or deleted."""
    customer = account.find("customer", customer_id, status=400)
    if customer.get("deleted"):
        raise StripeFailure(f"No such customer: '{customer_id}'", code="resource_missing", param="customer")
    return customer


def get_payment_method(account: StripeAccount, params: StripeObject, method_id: str) -> StripeObject:
    return account.find("payment_method", method_id)


def list_payment_methods(account: StripeAccount, params: StripeObject) -> StripeObject:
    customer = params.get("customer")
    found = [one for one in account.all("payment_method") if one["customer"] == customer]
    return make_page(found, params, "/v1/payment_methods")


def attach_payment_method(account: StripeAccount, params: StripeObject, method_id: str) -> StripeObject:
    """Attach a payment method. The name of a test card creates a new one. Attaching does not make it the default."""
    customer = find_customer(account, read_text(params, "customer"))
    method = add_card(account, method_id) if method_id in _CARDS else account.find("payment_method", method_id)
    if method["customer"] is not None and method["customer"] != customer["id"]:
        raise StripeFailure("The payment method you provided has already been attached to a customer.")
    if method["metadata"].get("was_detached"):
        raise StripeFailure(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
            "Customer, and may not be used again."
        )
    if method["card"]["last4"] == "0002":
        raise declined_card("generic_decline")
    method["customer"] = customer["id"]
    account.emit("payment_method.attached", method)
    return method


def detach_payment_method(account: StripeAccount, params: StripeObject, method_id: str) -> StripeObject:
    method = account.find("payment_method", method_id)
    if method["customer"] is None:
        raise StripeFailure(
            "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    customer = account.find("customer", method["customer"])
    if not customer.get("deleted") and customer["invoice_settings"]["default_payment_method"] == method_id:
        customer["invoice_settings"]["default_payment_method"] = None
    method["customer"], method["metadata"]["was_detached"] = None, "true"
    account.emit("payment_method.detached", method, {"customer": customer["id"]})
    return method


def create_setup_intent(account: StripeAccount, params: StripeObject) -> StripeObject:
    customer = find_customer(account, read_text(params, "customer"))
    usage = params.get("usage", "off_session")
    if usage not in ("off_session", "on_session"):
        raise invalid_parameter("Invalid usage: must be one of on_session or off_session", "usage")
    made = account.add(
        "seti",
        "setup_intent",
        {
            "customer": customer["id"],
            "usage": usage,
            "status": "requires_payment_method",
            "payment_method": None,
            "metadata": params.get("metadata", {}),
        },
    )
    made["client_secret"] = f"{made['id']}_secret_simulated"
    account.emit("setup_intent.created", made)
    return made


def get_setup_intent(account: StripeAccount, params: StripeObject, intent_id: str) -> StripeObject:
    return account.find("setup_intent", intent_id)


def confirm_setup_intent(account: StripeAccount, params: StripeObject, intent_id: str) -> StripeObject:
    """Confirm a setup intent, as the customer's browser does with the client secret. This attaches the
    payment method.
    """
    intent = account.find("setup_intent", intent_id)
    if intent["status"] == "succeeded":
        raise StripeFailure(
            "You cannot confirm this SetupIntent because it has already succeeded.",
            code="setup_intent_unexpected_state",
        )
    method = attach_payment_method(account, {"customer": intent["customer"]}, read_text(params, "payment_method"))
    intent["status"], intent["payment_method"] = "succeeded", method["id"]
    account.emit("setup_intent.succeeded", intent)
    return intent


def add_card(account: StripeAccount, name: str) -> StripeObject:
    """Create a payment method for one of Stripe's test cards, without a customer."""
    brand, last4 = _CARDS[name]
    card = {"brand": brand, "last4": last4, "exp_month": 12, "exp_year": 2034}
    return account.add("pm", "payment_method", {"type": "card", "card": card, "customer": None, "metadata": {}})
