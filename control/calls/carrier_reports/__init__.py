"""Carriers' reports about calls: states, answering machines, prices."""
