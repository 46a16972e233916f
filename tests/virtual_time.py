"""The virtual time of `vocalized.virtual_time`, under the name that the tests use."""

from vocalized.virtual_time import Deadlock, Unhandled, VirtualLoop, clock_ms, run_virtual

__all__ = ["Deadlock", "Unhandled", "VirtualLoop", "clock_ms", "run_virtual"]
