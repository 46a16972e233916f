"""Accruals: the amounts that each day adds to the bill."""
