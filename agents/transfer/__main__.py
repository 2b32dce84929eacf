"""`python -m video_attack.agents.transfer`, in a checkout also `python -m agents.transfer`."""

from video_attack.agents.commands.transfer import run

if __name__ == "__main__":
    run()
