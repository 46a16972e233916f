"""Tests of calls' analyses."""
