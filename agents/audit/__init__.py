"""What checks or reads a finished run from its files alone.

Imports core, configs, setup, evaluation's codec and report.
"""
