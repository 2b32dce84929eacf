"""What every room needs: errors, building by `_target_`, files, progress, checkpoints.

Imports `envs` only.
"""
