"""Configuration: the schema behind conf/ and the command line.

Knows Hydra; imports core and setup.
"""
