"""Numbers only: G.711, resampling, frames, files."""
