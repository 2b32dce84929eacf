"""`python -m video_attack.agents.finetune`, in a checkout also `python -m agents.finetune`."""

from video_attack.agents.commands.finetune import run

if __name__ == "__main__":
    run()
