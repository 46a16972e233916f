"""The outside world as a simulator, written from the protocols' facts and never from our own codecs."""
