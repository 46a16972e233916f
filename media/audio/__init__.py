"""Audio formats without network I/O: G.711, resampling, framing, WAV files."""
