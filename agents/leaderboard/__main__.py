"""`python -m video_attack.agents.leaderboard`, in a checkout also `python -m agents.leaderboard`."""

from video_attack.agents.commands.leaderboard import run

if __name__ == "__main__":
    run()
