"""Train the two agents: `python train.py [group=choice ...] [key=value ...]`."""

from video_attack.agents.commands.train import run

if __name__ == "__main__":
    run()
