"""Tests of the endpoints, over real sockets."""

from tests.control.running import PASSWORD, Api, Caller, Person, Reply, Staff, running_api

__all__ = ["PASSWORD", "Api", "Caller", "Person", "Reply", "Staff", "running_api"]
