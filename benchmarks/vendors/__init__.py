"""The cost of calls with vendors: Deepgram, OpenAI and Cartesia, simulated over TLS, with ours and with pipecat."""
