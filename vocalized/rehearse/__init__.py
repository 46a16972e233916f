"""The whole stack under load and under loss: real processes, real sockets, a simulated phone network beside them."""
