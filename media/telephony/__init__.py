"""The media protocols of the carriers and the browser, as codecs without I/O."""
