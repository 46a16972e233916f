"""ElevenLabs: recognizers and voices."""
