"""Who plays the game and what is measured of it. May import `envs`; each room says what else."""
