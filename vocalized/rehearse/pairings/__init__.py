"""Calls without faults over simulated vendors: each recogniser with each voice, and each model with tools."""
