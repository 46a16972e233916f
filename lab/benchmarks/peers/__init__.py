"""Other servers to compare with, configured as their documentation recommends."""
