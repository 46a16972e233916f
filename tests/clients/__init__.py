"""Tests of what is written by hand of the clients."""
