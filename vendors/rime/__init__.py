"""Adapter for Rime's voices Coda and Mist."""
