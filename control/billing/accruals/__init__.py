"""Accruals: what each day adds to the bill."""
