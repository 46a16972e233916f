"""Warm transfers over both simulated carriers, judged on what was recorded and heard."""
