"""Scenarios: `NAME.py` or `NAME/scenario.py` defines `SCENARIO`, which `python -m lab NAME` runs."""
