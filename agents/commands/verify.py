"""Check every record of a run against its files: `video-attack verify RUN_FOLDER`."""

import sys

from video_attack.agents.audit.verify import main


def run() -> None:
    """Ends with 1 when anything disagrees."""
    sys.exit(main())
