"""Decides which calls an agent answers and with which plan, also for calls that continue in another stream."""
