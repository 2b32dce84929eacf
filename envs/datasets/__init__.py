"""Data sets: clips with labels, cut as the victim needs them.

Imports `clip` and `cache_folder`.
"""
