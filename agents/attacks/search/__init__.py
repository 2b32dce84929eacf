"""Attacks that try changes box by box and keep what lowers the margin."""
