"""Tests of the requests of running calls: both ends, over a real Valkey and PostgreSQL."""
