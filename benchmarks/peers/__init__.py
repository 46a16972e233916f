"""Other servers to measure beside ours, set up as their own documentation says."""
