"""Our attacks and victims inside of other robustness libraries: ART's attacks and classifiers.

Imports core, attacks, configs and setup. Their attacks among ours are `agents.attacks.libraries`.
"""
