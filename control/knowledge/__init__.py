"""Documents that agents search in calls: upload, parsing in a child process, indexing and search."""
