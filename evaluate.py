"""Attack held-out clips: `python evaluate.py [checkpoint=...] [attack=a,b,c] [key=value ...]`."""

from video_attack.agents.commands.evaluate import run

if __name__ == "__main__":
    run()
