"""Fine-tune a victim: `python -m envs.victims.finetune model=... dataset=... [key=value ...]`.

The work is done by `agents.finetune`, since only the command line needs Hydra.
"""

if __name__ == "__main__":
    from agents.finetune import run

    run()
