"""Make the leaderboard of a folder of records: `video-attack leaderboard docs/records`."""

from video_attack.agents.audit.leaderboard import main


def run() -> None:
    """Writes the page and the table."""
    main()
