"""Tests of what voices are given."""
