"""Who plays the game: networks, PPO on RLlib, acting without Ray, the attacks and the report."""
