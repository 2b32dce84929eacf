"""`python -m video_attack.agents.verify`, in a checkout also `python -m agents.verify`."""

from video_attack.agents.commands.verify import run

if __name__ == "__main__":
    run()
