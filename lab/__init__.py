"""Rehearsals, listening, capacity and benchmarks: measurements of the platform that its users do not run."""
