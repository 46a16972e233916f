"""A LanguageModel with fixed rules and word lists.

The receptionist answers from the agent's facts by lexical retrieval, takes a message and reads it back, notes a request
for an appointment, transfers to a person, and says goodbye. English only. It never invents: each reply is a fixed
phrase, a sentence of the prompt, or the caller's own words.
"""
