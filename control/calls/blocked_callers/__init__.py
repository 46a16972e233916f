"""Callers whom a workspace blocks."""
