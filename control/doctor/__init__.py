"""The checks of `python -m control doctor`, which `vocalized doctor` shares.

At the top they import the standard library and `shared.doctor` only, because `vocalized doctor` runs where packages
are missing.
"""
