"""Speech on this machine: SpeechToText and TextToSpeech by a recogniser and a voice in one separate process."""
