"""Integrations: types that the staff describe as data, and the connections of workspaces to the vendors behind them."""
