"""Decisions about delivery, and nothing else: no I/O, no clock, no randomness, no third-party import.

Read in this order: `states`, `outcome`, `verdict`, `retry`, `circuit`, `signing`, `target`, `errors`.
"""
