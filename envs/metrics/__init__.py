"""Metrics: of a clip's change, and of the records of an attack.

Imports of victims the loading of weights only.
"""
