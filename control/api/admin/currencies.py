"""Routes of exchange rates and of workspaces' currencies, for the staff."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from control.api.admin.billing import BILLING, READERS, WRITERS
from control.api.admin.currencies_views import CurrencyAnswer, ExchangeRateAnswer, ExchangeRateList, to_view
from control.billing.periods.service import set_currency
from control.billing.prices import service as prices_service
from control.billing.prices.service import HIGHEST_RATE, add_exchange_rate
from control.http.body import Body, CurrencyCode
from control.http.context import AdminContext
from control.http.fields import WorkspaceId
from control.http.pagination import UtcDatetime
from control.http.route import Route


class ExchangeRateBody(Body):
    """What a currency is worth from a moment on."""

    currency: Annotated[
        CurrencyCode, Field(description="What is worth so much: ISO 4217, lower case.", examples=["eur"])
    ]
    usd: Annotated[
        Decimal,
        Field(gt=0, le=HIGHEST_RATE, decimal_places=12, description="US dollars for one unit of it.", examples=[1.08]),
    ]
    valid_from: UtcDatetime | None = Field(
        None, description="From when on, at least a minute from now; left out: as soon as possible."
    )


class CurrencyChoice(Body):
    """The currency of a workspace."""

    currency: Annotated[
        CurrencyCode, Field(description="In which it is to be billed: ISO 4217, lower case.", examples=["eur"])
    ]


async def list_exchange_rates(context: AdminContext) -> ExchangeRateList:
    """What currencies are worth in US dollars, in which the platform's figures are."""
    return ExchangeRateList(
        [to_view(one) for one in await prices_service.list_exchange_rates(context.db)], has_more=False
    )


async def create_exchange_rate(context: AdminContext, body: ExchangeRateBody) -> ExchangeRateAnswer:
    """Adds a version of a rate. Periods that begin from then on are converted by it."""
    rate = await add_exchange_rate(context.db, context.actor, body.currency, body.usd, body.valid_from, context.now)
    return ExchangeRateAnswer(to_view(rate))


async def change_currency(context: AdminContext, workspace_id: WorkspaceId, body: CurrencyChoice) -> CurrencyAnswer:
    """Has a workspace billed in another currency, as long as nothing of it has an amount."""
    account = await set_currency(context.db, context.actor, workspace_id, body.currency)
    return CurrencyAnswer(account.currency)


ROUTES: tuple[Route, ...] = (
    Route("GET", f"{BILLING}/exchange-rates", list_exchange_rates, READERS, beyond_spec=True),
    Route(
        "POST",
        f"{BILLING}/exchange-rates",
        create_exchange_rate,
        WRITERS,
        status=201,
        idempotent=True,
        beyond_spec=True,
    ),
    Route("PUT", f"{BILLING}/workspaces/{{workspaceId}}/currency", change_currency, WRITERS, beyond_spec=True),
)
