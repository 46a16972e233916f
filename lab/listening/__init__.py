"""Measures turn-taking: whole calls in virtual time over recorded human speech (`make listen`)."""
