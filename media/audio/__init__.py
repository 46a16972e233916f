"""Audio processing without network I/O: G.711, resampling, framing, tones, loudness and WAV files."""
