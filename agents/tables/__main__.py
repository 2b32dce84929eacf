"""`python -m video_attack.agents.tables`, in a checkout also `python -m agents.tables`."""

from video_attack.agents.commands.tables import run

if __name__ == "__main__":
    run()
