"""Play with exported agents: PyTorch and NumPy are all that the player itself needs.

python -c "from video_attack.agents.policy.acting import Policy; Policy.load('RUN').export('agents.ts')"
python examples/play_exported.py agents.ts
"""

import sys

import numpy as np
import torch


class Player:
    """Both agents of an exported file: observations to actions, drawn as in training."""

    def __init__(self, path: str, seed: int = 0) -> None:
        self.agents, self.rng = torch.jit.load(path), np.random.default_rng(seed)

    def __call__(self, observations: dict) -> dict:
        """Actions of both agents."""
        actions = {}
        for agent, seen in observations.items():
            batch = {key: torch.from_numpy(value)[None] for key, value in seen.items()}
            logits = [part[0].numpy() for part in getattr(self.agents, agent)(batch)]
            actions[agent] = np.array([(p + self.rng.gumbel(size=len(p))).argmax() for p in logits])
        return actions


if __name__ == "__main__":
    from video_attack.envs.video_attack_v1 import parallel_env

    play, env = Player(sys.argv[1]), parallel_env()
    observations, infos = env.reset(seed=0)
    while env.agents:
        observations, _, _, _, infos = env.step(play(observations))
    print(infos["spatial"])
