"""The game: clips, victims, distortions, the ledger and the PettingZoo environment.

No Ray, no Hydra, nothing of `agents`.
"""
