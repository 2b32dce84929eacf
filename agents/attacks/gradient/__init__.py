"""Attacks that follow a gradient, estimated from scores or taken from a stand-in."""
