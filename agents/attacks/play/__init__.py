"""Attacks that play the game: trained agents, random moves, sweeps."""
