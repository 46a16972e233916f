"""Generated data for load tests of the API, and the measurement of its lists."""
