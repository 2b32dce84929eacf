"""Ray without RLlib: a cluster started or joined, and the victim that lives in an actor of it.

Imports core and setup.
"""
