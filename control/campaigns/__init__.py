"""Campaigns: lists of numbers that an agent phones, in calling hours, at a pace, with retries by outcome."""
