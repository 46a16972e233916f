"""Exports of all data of a workspace."""
