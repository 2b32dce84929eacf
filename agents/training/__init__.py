"""PPO on RLlib: the only room that knows it.

Knows Ray; imports every room but audit, finetune and commands.
"""
