"""Policy: both trained actors in one file, acting without Ray."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.files import save_tensors
from agents.networks import Actor, make_actor
from envs.episode import AGENTS
from envs.game_config import GameConfig
from envs.moves import Moves
from envs.victims.base import VictimError
from envs.victims.weights import load_into, load_state

FORMAT = 1


class PolicyError(ValueError):
    """A policy file that does not fit the game, or is none."""


@dataclass
class Policy:
    """Actors of both agents for one shape of the game.

    Attributes:
        actors: network of each agent.
        shape: what the game must have in common with training (see `game_shape`).
        facts: what is known of the training (iteration, queries, validation success ...).
    """

    actors: dict[str, Actor]
    shape: dict[str, Any]
    hidden: int
    facts: dict[str, Any]

    @classmethod
    def fresh(cls, config: GameConfig, frames: int, hidden: int) -> "Policy":
        """Untrained actors for a game."""
        shape = game_shape(config, frames)
        actors = {
            agent: make_actor(agent, parts, hidden) for agent, parts in shape["parts"].items()
        }
        return cls(actors, shape, hidden, {})

    @torch.inference_mode()
    def act(
        self,
        observations: Mapping[str, Mapping[str, NDArray]],
        rng: np.random.Generator,
        greedy: bool,
    ) -> dict[str, NDArray[np.int64]]:
        """Actions of both agents: the likeliest (`greedy`) or drawn, with `rng`, as in training."""
        actions = {}
        for agent, actor in self.actors.items():
            obs = {
                key: torch.from_numpy(np.asarray(v))[None] for key, v in observations[agent].items()
            }
            logits = actor(obs)[0].numpy().astype(np.float64)
            if not greedy:
                logits = logits + rng.gumbel(size=logits.shape)  # the Gumbel-max trick
            parts = np.split(logits, np.cumsum(actor.parts)[:-1])
            actions[agent] = np.array([int(part.argmax()) for part in parts])
        return actions

    def save(self, path: Path) -> None:
        """Write one file that `load` reads; atomic."""
        content = {
            "format": FORMAT,
            "shape": self.shape,
            "hidden": self.hidden,
            "facts": self.facts,
            "actors": {agent: actor.state_dict() for agent, actor in self.actors.items()},
        }
        save_tensors(path, content)

    @classmethod
    def load(cls, path: Path) -> "Policy":
        """Read a policy file, or the one in a run's folder.

        Raises:
            PolicyError: not a policy file, or one of other agents.
        """
        path = path / "policy.pt" if path.is_dir() else path
        if not path.exists():
            raise PolicyError(f"no policy at {path}: run train.py first, or name a run's folder")
        try:
            content = load_state(path)
        except VictimError as fault:  # the loader's word for any file that is no checkpoint
            raise PolicyError(f"no usable policy: {fault}") from fault
        needed = {"actors", "shape", "hidden", "facts"}
        if content.get("format") != FORMAT or not needed <= content.keys():
            raise PolicyError(
                f"{path} is no policy file of format {FORMAT}: name a run's policy.pt"
            )
        if set(content["actors"]) != set(AGENTS):
            raise PolicyError(
                f"{path} has the agents {sorted(content['actors'])}, this game has {sorted(AGENTS)}: "
                "train again with train.py"
            )
        policy = cls({}, content["shape"], content["hidden"], content["facts"])
        for agent, state in content["actors"].items():
            actor = make_actor(agent, policy.shape["parts"][agent], policy.hidden)
            load_into(actor, state, f"{path} ({agent})")
            policy.actors[agent] = actor.eval()
        return policy

    def check_fits(self, config: GameConfig, frames: int) -> None:
        """Raise PolicyError, naming the first difference, unless the game has the policy's shape."""
        for key, value in game_shape(config, frames).items():
            if self.shape.get(key) != value:
                raise PolicyError(
                    f"the policy was trained with {key}={self.shape.get(key)}, the game has {value}: "
                    "use the training run's env settings, or train again"
                )

    def load_actors(self, states: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over the weights of actors of the same shape."""
        for agent, state in states.items():
            self.actors[agent].load_state_dict(dict(state))
            self.actors[agent].eval()


def game_shape(config: GameConfig, frames: int) -> dict[str, Any]:
    """All that the networks' meaning depends on, as plain values."""
    moves = Moves(config, frames)
    rules = {key: asdict(config)[key] for key in ("grid", "levels", "draws", "sizes", "windows")}
    parts = {agent: [int(n) for n in space.nvec] for agent, space in moves.spaces.items()}  # type: ignore[attr-defined] # not flat, so MultiDiscrete
    return {"frames": frames, **rules, "parts": parts}
