"""The media server: accepts carrier sockets and gives each a call."""
