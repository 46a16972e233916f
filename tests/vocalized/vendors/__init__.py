"""Tests of the simulated vendors of a platform on this machine."""
