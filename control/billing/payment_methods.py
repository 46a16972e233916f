"""Payment methods of a workspace at the sink, and the customer that has them there. Card numbers never come here: a
browser gives them to the payment company."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.billing import read_billed_workspaces, store_accounts, store_collection
from control.billing.closure import load_account
from control.billing.service import Billing
from control.billing.sinks import (
    BillingSink,
    PaymentCard,
    PaymentDeclined,
    PaymentMethodUnknown,
    SetupSecret,
    SinkCustomer,
    SinkError,
    SinkUnavailable,
)
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from shared.errors import Conflict, Invalid, Unavailable


@dataclass(frozen=True, slots=True)
class AddedMethod:
    """What the sink answered; to be stored."""

    customer_id: str
    card: PaymentCard


@dataclass(frozen=True, slots=True)
class StartedSetup:
    """What the sink answered; the customer is to be stored."""

    customer_id: str
    secret: SetupSecret


def require_sink(billing: Billing) -> BillingSink:
    """Raises Conflict (code no_card_payments)."""
    if billing.sink is None:
        raise Conflict("This platform takes no cards: invoices are paid by bank transfer.", code="no_card_payments")
    return billing.sink


@contextmanager
def sink_problems(param: str | None = None) -> Iterator[None]:
    """Maps the sink's errors. Raises Invalid (codes card_declined, payment_method_unknown), Conflict (code
    sink_refused), Unavailable."""
    try:
        yield
    except PaymentDeclined:
        raise Invalid("The card was declined.", code="card_declined", param=param) from None
    except PaymentMethodUnknown:
        raise Invalid("There is no such payment method.", code="payment_method_unknown", param=param) from None
    except SinkError as error:
        raise Conflict(f"The payment company refused this: {error}.", code="sink_refused") from None
    except SinkUnavailable:
        raise Unavailable("The payment company does not answer. Try again in a minute.") from None


async def sink_customer(db: Connection, billing: Billing, workspace_id: UUID, name: str | None = None) -> SinkCustomer:
    """Who pays, as the sink is to know it. name: of a workspace that may be gone."""
    account = await load_account(db, workspace_id)
    known = await store_collection.select_account(db, workspace_id)
    facts = await read_billed_workspaces.select_facts(db, workspace_id) if name is None else None
    return SinkCustomer(
        workspace_id=workspace_id,
        customer_id=known.customer_id if known else None,
        name=account.legal_name or name or (facts.name if facts else ""),
        email=await billing.find_recipient(db, workspace_id),
        country=account.country,
        tax_id=account.tax_id,
    )


async def start_setup(sink: BillingSink, customer: SinkCustomer) -> StartedSetup:
    """Outside of a transaction. Raises as `sink_problems` does."""
    with sink_problems():
        customer_id = await sink.ensure_customer(customer)
        return StartedSetup(customer_id, await sink.create_setup(customer_id))


async def save_customer(db: Connection, customer: SinkCustomer, customer_id: str) -> None:
    """Stores the sink's id of the workspace, if it has none. Raises Conflict (code sink_refused) if another request
    stored another one meanwhile: a payment method of this customer would never pay."""
    account = await store_collection.insert_account(db, customer.workspace_id, customer_id, customer.customer_id)
    if account.customer_id != customer_id:
        raise Conflict("Another request began the same meanwhile. Begin again.", code="sink_refused")


async def add_payment_method(sink: BillingSink, customer: SinkCustomer, method_id: str) -> AddedMethod:
    """Outside of a transaction. Raises as `sink_problems` does."""
    with sink_problems("stripe_payment_method_id"):
        customer_id = await sink.ensure_customer(customer)
        return AddedMethod(customer_id, await sink.set_payment_method(customer_id, method_id))


async def save_added(db: Connection, actor: Actor, customer: SinkCustomer, added: AddedMethod, now: datetime) -> None:
    """Stores what `add_payment_method` returned, and has open invoices charged. Raises as `save_customer` does."""
    workspace_id = customer.workspace_id
    await save_customer(db, customer, added.customer_id)
    await save_payment_method(db, workspace_id, added.card, now)
    after = {"last4": added.card.last4, "brand": added.card.brand}
    await record_change(
        db, actor, Change("payment_method.add", "workspace", str(workspace_id), workspace_id, None, after)
    )


async def save_payment_method(db: Connection, workspace_id: UUID, card: PaymentCard | None, now: datetime) -> None:
    """Stores which payment method pays. Another one is charged with what is open. The sink's customer must be
    stored; a purged workspace has no settings any more."""
    changed = await store_collection.update_method(db, workspace_id, card.id if card else None)
    if await read_billed_workspaces.select_facts(db, workspace_id) is not None:
        last4 = card.last4 or None if card else None
        await store_accounts.upsert_settings(db, workspace_id, {"payment_method_last4": last4})
    if changed and card is not None:
        await store_collection.resume_collections(db, workspace_id, now)


async def find_payment_method(db: Connection, workspace_id: UUID) -> str | None:
    """The sink's id of the one that pays."""
    account = await store_collection.select_account(db, workspace_id)
    return account.payment_method_id if account else None


async def require_payment_method(db: Connection, billing: Billing, workspace_id: UUID) -> None:
    """Whether somebody will pay for what the workspace orders. Without a sink nothing is required, nor of a workspace
    that the staff exempted. Locks nothing: a payment method may be removed at any later time, too. Raises Conflict
    (code payment_method_required)."""
    if billing.sink is None or await find_payment_method(db, workspace_id) is not None:
        return
    account = await store_accounts.select_account(db, workspace_id)
    if account is None or not account.is_payment_method_exempt:
        raise Conflict(
            "This workspace has no payment method. An owner adds one first: "
            f"POST /workspaces/{workspace_id}/billing/payment-method/setup.",
            code="payment_method_required",
        )


async def remove_payment_method(sink: BillingSink, method_id: str | None) -> None:
    """Outside of a transaction. Raises as `sink_problems` does."""
    if method_id is not None:
        with sink_problems():
            await sink.remove_payment_method(method_id)


async def save_removed(db: Connection, actor: Actor, workspace_id: UUID, method_id: str, now: datetime) -> None:
    """Stores that none pays, unless another one than this was set meanwhile."""
    if await find_payment_method(db, workspace_id) not in (None, method_id):
        return
    await save_payment_method(db, workspace_id, None, now)
    await record_change(db, actor, Change("payment_method.remove", "workspace", str(workspace_id), workspace_id))
