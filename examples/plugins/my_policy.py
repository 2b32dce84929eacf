"""A policy of another library: a network an agent, from flat observations to logits of flat actions."""

import sys

import torch


class Theirs:
    """Draws what the networks of a file say; `flat_obs` and `flat_actions` as in their training."""

    def __init__(self, path: str) -> None:
        self.nets = torch.load(path, weights_only=False)  # whole networks, so of a file you trust

    @torch.inference_mode()
    def __call__(self, observations, rng):
        """What env.step would take; `rng` may be left out."""
        actions = {}
        for agent, seen in observations.items():
            logits = self.nets[agent](torch.from_numpy(seen)).numpy()
            actions[agent] = int((logits + rng.gumbel(size=logits.shape)).argmax())
        return actions


if __name__ == "__main__":  # in place of a training: networks that have learned nothing
    from video_attack import make

    env = make(flat_obs=True, flat_actions=True)
    sizes = {
        a: (env.observation_space(a).shape[0], int(env.action_space(a).n))
        for a in env.possible_agents
    }
    nets = {
        agent: torch.nn.Sequential(torch.nn.Linear(seen, 8), torch.nn.Linear(8, choices))
        for agent, (seen, choices) in sizes.items()
    }
    torch.save(nets, sys.argv[1])
