"""Billing: usage, its cost, and what customers pay.

The nouns, in the order in which one may import another (each only those below it):

| noun | subject |
| --- | --- |
| `figures` | Overviews for the staff, and the ledger's rows behind a figure or a line of an invoice. |
| `stripe` | Stripe, behind the port `payments/provider.py`. |
| `payments` | Payment methods, charges and refunds at the payment company. |
| `limits` | Spending limits, kept while calls run. |
| `invoices` | Closing a period, invoices, recorded payments, taxes. |
| `credits` | Credits that invoices use up. |
| `accruals` | What each day adds to the bill; the running period. |
| `periods` | Billing periods, and the statement: what a period costs. |
| `accounts` | Who is billed, settings, exemptions. |
| `ledger` | Rows of usage with cost and price. |
| `prices` | Versions of prices, plans and exchange rates. |

From usage to an invoice: `ledger.service` (`record_usage`, `record_minutes`) writes a row for each event and call. Once
a period is over, the job `billing.close_period` (`invoices.tasks`) calls `invoices.service.close_period`: it loads the
statement (`periods.service.load_statement`, `periods.rules.compute_statement`), drafts the invoice
(`invoices.rules.draft_invoice`), and stores it with the ledger's rows of fees, numbers, included minutes and credits.

To charge for something new by the day (the rent of numbers is the example):

1. Add its kind to `StatementKind` and `CHARGE_KINDS` in `periods.rules`, and a function that makes its `DailyCharge`s.
2. Have `periods.service.load_daily_charges` return them, with a query in `periods.queries`. A price can be a setting of
   the platform (`control/platform/rules.py`) or a field of tiers.
3. In a migration, extend the checks of `accruals.resource_type`, `usage_records.resource_type`, `invoice_lines.kind`.

Accruals are computed again when a day begins, and when plan or numbers change (`accruals.queries`, `_SELECT_DUE`). A
charge that must follow another change within the day needs a condition there.

Accruals, the ledger's rows of a closed period, invoices, figures and analytics follow. What is charged per call is a
row of the ledger instead (`ledger.service`).
"""
