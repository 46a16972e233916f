"""Stripe's operations by method and path, with the parameters that each operation accepts."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from simulator.stripe import corrections, customers, invoices, meters, tax_ids
from simulator.stripe.account import StripeAccount, StripeObject
from simulator.stripe.errors import StripeFailure, invalid_parameter


@dataclass(frozen=True, slots=True)
class StripeOperation:
    """An operation of the API.

    Attributes:
        path: The path with `*` in place of the id.
        takes: Names of parameters, separated by spaces.
    """

    method: str
    path: str
    run: Callable[..., StripeObject]
    takes: str = ""


_PAGE: Final = "limit starting_after"
_CUSTOMER: Final = "name email address metadata description invoice_settings"
OPERATIONS: Final = (
    StripeOperation("POST", "/v1/customers", customers.create_customer, _CUSTOMER),
    StripeOperation("GET", "/v1/customers", customers.list_customers, f"email {_PAGE}"),
    StripeOperation("GET", "/v1/customers/*", customers.get_customer),
    StripeOperation("POST", "/v1/customers/*", customers.update_customer, _CUSTOMER),
    StripeOperation("DELETE", "/v1/customers/*", customers.delete_customer),
    StripeOperation("POST", "/v1/customers/*/tax_ids", tax_ids.create_tax_id, "type value"),
    StripeOperation("GET", "/v1/customers/*/tax_ids", tax_ids.list_tax_ids, _PAGE),
    StripeOperation("DELETE", "/v1/customers/*/tax_ids/*", tax_ids.delete_tax_id),
    StripeOperation("GET", "/v1/payment_methods", customers.list_payment_methods, f"customer type {_PAGE}"),
    StripeOperation("GET", "/v1/payment_methods/*", customers.get_payment_method),
    StripeOperation("POST", "/v1/payment_methods/*/attach", customers.attach_payment_method, "customer"),
    StripeOperation("POST", "/v1/payment_methods/*/detach", customers.detach_payment_method),
    StripeOperation(
        "POST", "/v1/setup_intents", customers.create_setup_intent,
        "customer usage automatic_payment_methods payment_method_types metadata",
    ),
    StripeOperation("GET", "/v1/setup_intents/*", customers.get_setup_intent),
    StripeOperation(
        "POST", "/v1/setup_intents/*/confirm", customers.confirm_setup_intent, "payment_method return_url client_secret"
    ),
    StripeOperation(
        "POST", "/v1/invoiceitems", invoices.create_invoice_item,
        "customer amount currency description metadata invoice period",
    ),
    StripeOperation("GET", "/v1/invoiceitems", invoices.list_invoice_items, f"invoice customer {_PAGE}"),
    StripeOperation(
        "POST", "/v1/invoices", invoices.create_invoice,
        "customer currency collection_method auto_advance description metadata days_until_due due_date "
        "pending_invoice_items_behavior",
    ),
    StripeOperation("GET", "/v1/invoices", invoices.list_invoices, f"customer status created {_PAGE}"),
    StripeOperation("GET", "/v1/invoices/*", invoices.get_invoice),
    StripeOperation("DELETE", "/v1/invoices/*", invoices.delete_invoice),
    StripeOperation("POST", "/v1/invoices/*/finalize", invoices.finalize_invoice, "auto_advance"),
    StripeOperation(
        "POST", "/v1/invoices/*/pay", invoices.pay_invoice, "payment_method off_session paid_out_of_band"
    ),
    StripeOperation("POST", "/v1/invoices/*/void", invoices.void_invoice),
    StripeOperation("POST", "/v1/invoices/*/mark_uncollectible", invoices.mark_uncollectible),
    StripeOperation("GET", "/v1/invoice_payments", invoices.list_invoice_payments, f"invoice status payment {_PAGE}"),
    StripeOperation("POST", "/v1/refunds", invoices.create_refund, "payment_intent amount reason metadata"),
    StripeOperation("GET", "/v1/refunds", invoices.list_refunds, f"payment_intent {_PAGE}"),
    StripeOperation(
        "POST", "/v1/credit_notes", corrections.create_credit_note,
        "invoice amount refund_amount credit_amount out_of_band_amount reason memo",
    ),
    StripeOperation("GET", "/v1/credit_notes", corrections.list_credit_notes, f"invoice {_PAGE}"),
    StripeOperation("POST", "/v1/credit_notes/*/void", corrections.void_credit_note),
    StripeOperation("GET", "/v1/disputes", corrections.list_disputes, f"payment_intent {_PAGE}"),
    StripeOperation(
        "POST", "/v1/billing/meters", meters.create_meter,
        "display_name event_name event_time_window default_aggregation customer_mapping value_settings",
    ),
    StripeOperation(
        "POST", "/v1/billing/meter_events", meters.create_meter_event, "event_name payload identifier timestamp"
    ),
    StripeOperation("GET", "/v1/events", invoices.list_events, f"type {_PAGE}"),
)  # fmt: skip


def run_operation(account: StripeAccount, method: str, path: str, params: dict[str, Any]) -> StripeObject:
    """Run the operation of a request. Raises StripeFailure, also for parameters that the operation does not accept."""
    for operation in OPERATIONS:
        match = re.fullmatch(operation.path.replace("*", "([A-Za-z0-9_]+)"), path)
        if match is not None and operation.method == method:
            unknown = params.keys() - {*operation.takes.split(), "expand"}
            if unknown:
                name = min(unknown)
                raise invalid_parameter(f"Received unknown parameter: {name}", name, "parameter_unknown")
            return operation.run(account, params, *match.groups())
    raise StripeFailure(f"Unrecognized request URL ({method}: {path}).", status=404, is_saved=False)
