"""The checks of `python -m control doctor`, which `vocalized doctor` shares.

At module level, they import only the standard library and `shared.doctor`, because `vocalized doctor` also runs where
packages are missing.
"""
