"""Decides which calls an agent answers, and with which plan. This includes calls that continue in another stream."""
