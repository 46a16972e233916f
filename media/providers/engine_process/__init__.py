"""Messages over a Unix socket for the processes beside the media server, and their server."""
