"""Victims: networks, files, functions and servers that answer with scores.

Imports datasets and distortions.
"""
