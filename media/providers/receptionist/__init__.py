"""A LanguageModel with fixed rules and word lists.

It answers from the agent's own facts by lexical retrieval, takes a message and reads it back, notes the wish for an
appointment, transfers to a person and says goodbye. English only. It never invents: what it says is either one of
its fixed phrases, a sentence of the prompt, or the caller's own words.
"""
