"""Show a run's successes to another victim: `video-attack transfer RUN_FOLDER model=...`."""

import sys

from video_attack.agents.audit.transfer import main
from video_attack.agents.configs.command_line import plain_errors


def run() -> None:
    """The command line: one sentence for what a user can mend."""
    with plain_errors():
        main(sys.argv[1:])
