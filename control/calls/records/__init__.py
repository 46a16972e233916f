"""The records of calls: rows, states, and what people read. Other nouns of calls use its queries, too."""
