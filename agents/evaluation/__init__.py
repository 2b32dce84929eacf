"""Attacks on the same held-out clips: records, and all that is made of them.

Only `workers` knows Ray. Imports attacks, cluster, setup, report and video.
"""
