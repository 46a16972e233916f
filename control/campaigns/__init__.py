"""Campaigns: lists of numbers that an agent calls, within calling hours, at a given pace, with retries."""
