"""Clips as video files: written, read back, and checked behind a codec.

Imports core.
"""
