"""PPO on RLlib, and the victim's server for its workers.

Knows Ray; imports every room but audit, finetune and commands.
"""
