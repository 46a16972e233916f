"""Billing figures for staff."""
