"""Print the leaderboard of a run from its records: `video-attack leaderboard RECORDS.jsonl [...]`."""

from video_attack.agents.audit.leaderboard import main


def run() -> None:
    """Prints them."""
    main()
