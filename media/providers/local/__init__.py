"""Speech on this machine: a recogniser and a voice in one process of their own, behind the ports SpeechToText and TextToSpeech."""
