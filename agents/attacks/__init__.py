"""The attacks: one interface (`base`), and a room for each way to choose the next clip.

Imports core and policy.
"""
