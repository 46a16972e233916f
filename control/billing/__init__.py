"""Billing: usage, its cost, and the amounts that customers pay.

The packages, in import order (each may import only the packages below it):

| package | subject |
| --- | --- |
| `figures` | Overviews for staff, and the ledger rows behind a figure or an invoice line. |
| `stripe` | Stripe, behind the port `payments/provider.py`. |
| `payments` | Payment methods, charges and refunds at the payment company. |
| `limits` | Spending limits, enforced while calls run. |
| `invoices` | Closing a period, invoices, recorded payments, taxes. |
| `credits` | Credits that invoices use up. |
| `accruals` | The amounts that each day adds to the bill; the running period. |
| `periods` | Billing periods, and the statement: the cost of a period. |
| `accounts` | Customers, settings, exemptions. |
| `ledger` | Rows of usage with cost and price. |
| `prices` | Versions of prices, plans and exchange rates. |

From usage to an invoice: `ledger.service` (`record_usage`, `record_minutes`) writes a row for each event and call. When
a period has ended, the job `billing.close_period` (`invoices.tasks`) calls `invoices.service.close_period`. It loads
the statement (`periods.service.load_statement`, `periods.rules.compute_statement`), drafts the invoice
(`invoices.rules.draft_invoice`), and stores it with the ledger's rows for fees, numbers, included minutes and credits.

To add a daily charge (the rent of numbers is the example):

1. Add its kind to `StatementKind` and `CHARGE_KINDS` in `periods.rules`, and a function that creates its
   `DailyCharge`s.
2. Make `periods.service.load_daily_charges` return them, with a query in `periods.queries`. A price can be a setting of
   the platform (`control/platform/rules.py`) or a field of tiers.
3. In a migration, extend the checks of `accruals.resource_type`, `usage_records.resource_type` and
   `invoice_lines.kind`.

Accruals are recomputed when a day begins, and when plan or numbers change (`accruals.queries`, `_SELECT_DUE`). A charge
that must follow another change within the day needs a condition there.

Accruals, the ledger rows of a closed period, invoices, figures and analytics then include the charge. A charge per call
is a ledger row instead (`ledger.service`).
"""
