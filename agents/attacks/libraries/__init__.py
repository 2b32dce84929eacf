"""Attacks of other robustness libraries (ART, Foolbox) as contenders, counted like ours.

Each library is imported when one of its attacks is built, and by nothing else.
"""
