"""Personal data: retention, deletion of a caller's data, and export of a workspace's data."""
