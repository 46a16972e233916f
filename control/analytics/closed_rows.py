"""Which rows of the ledger do not count as money of their day."""

from typing import Final

# Rows that closed a period which has accruals: these hold the same amounts by day. `u` is a row of the ledger.
CLOSED: Final = """
    u.resource_type IN ('subscription', 'included_minutes', 'trial', 'phone_number') AND EXISTS (
        SELECT FROM billing_periods p WHERE p.workspace_id = u.workspace_id AND p.period_start <= u.at
        AND p.period_end > u.at AND p.accrued_until IS NOT NULL)
"""
