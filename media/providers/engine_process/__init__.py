"""What the processes beside the media server have in common: messages over a Unix socket, and a server for it."""
