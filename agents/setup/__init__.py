"""What is attacked, with what, under which rules, built from plain configuration.

Imports core, policy and `attacks.base`.
"""
