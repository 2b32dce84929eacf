"""The door: one module a command, which hands plain configuration to a room.

Knows Hydra; imports any room, and no room imports it.
"""
