"""A victim for a data set, from a pretrained network.

Imports core.
"""
