"""Tests of the endpoints over real sockets."""
