"""Calls' rows and states, and how people read them.

Other nouns of calls use its queries, too.
"""
