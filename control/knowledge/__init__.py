"""Documents of workspaces that agents search in calls: upload, parsing in a child process, chunks, full-text search."""
