"""The media server, which accepts carriers' sockets and runs a call for each."""
