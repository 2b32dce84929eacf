"""`python -m video_attack COMMAND ...`: the console script `video-attack` without its file."""

from video_attack.agents.commands.__main__ import main

if __name__ == "__main__":
    main()
