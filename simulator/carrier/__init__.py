"""A phone network: the far side of a media stream, with callers on the line."""
