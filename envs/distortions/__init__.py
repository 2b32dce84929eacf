"""Distortions: functions from a clip to a distorted one, a module each.

Imports `clip`.
"""
