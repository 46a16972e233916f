"""Rime: voices Coda and Mist."""
