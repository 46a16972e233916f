"""Tests of roll-ups and dashboards."""
