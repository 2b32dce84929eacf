"""The agents' networks, and acting with them from one file.

No Ray. Imports core.
"""
