"""Messages over a Unix socket between the media server and its helper processes, and the helpers' server."""
