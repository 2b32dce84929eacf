"""The environment and its rules: episode, moves, mask, bound, observation, ledger, threat model.

Imports the other rooms of `envs`, none of which imports this one.
"""
