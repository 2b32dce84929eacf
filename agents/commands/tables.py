"""Print the tables of a run from its records: `video-attack tables RECORDS.jsonl [...]`."""

from video_attack.agents.audit.tables import main


def run() -> None:
    """Prints them."""
    main()
