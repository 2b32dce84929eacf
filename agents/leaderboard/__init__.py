"""The command `python -m video_attack.agents.leaderboard`; its work is in `agents.audit.leaderboard`."""
