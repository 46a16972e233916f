"""Invoices, their payments and their taxes."""
