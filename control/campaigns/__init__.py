"""Campaigns: lists of numbers that an agent calls, within hours, at a pace, with retries."""
