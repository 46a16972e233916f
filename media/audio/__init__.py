"""Audio formats without I/O on the network: G.711, resampling, framing, WAV files."""
