"""Generates data for load tests of the API and measures its lists."""
