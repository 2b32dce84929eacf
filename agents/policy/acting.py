"""Policy: both trained actors in one file, acting without Ray."""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from video_attack.agents.core.errors import PolicyError
from video_attack.agents.core.files import save_tensors
from video_attack.agents.policy.networks import Actor, make_actor
from video_attack.envs.game.config import GameConfig, RewardWeights
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.moves import Moves
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.weights import load_into, load_state

FORMAT = 5


@dataclass
class Policy:
    """Actors of both agents, and the game that they have learned.

    Attributes:
        actors: network of each agent.
        game: the rules of training, as plain values.
        frames: of a clip in training.
        parts: number of choices in each part of each agent's action.
        extents: number of extents in each agent's places, see `Moves.extents`.
        distortion: config group of the distortion of training, or None if it is not known.
        hidden: channels of the networks.
        facts: what is known of the training (iteration, queries, validation success ...).
    """

    actors: dict[str, Actor]
    game: dict[str, Any]
    frames: int
    parts: dict[str, list[int]]
    extents: dict[str, int]
    distortion: dict[str, Any] | None
    hidden: int
    facts: dict[str, Any]

    @classmethod
    def fresh(
        cls, moves: Moves, hidden: int, distortion: Mapping[str, Any] | None = None
    ) -> "Policy":
        """Untrained actors for a game."""
        parts = {"spatial": moves.spatial_parts, "temporal": moves.temporal_parts}
        extents = moves.extents
        actors = {
            agent: make_actor(agent, parts[agent], extents[agent], hidden).eval()
            for agent in AGENTS
        }
        known = dict(distortion) if distortion else None
        return cls(actors, asdict(moves.config), moves.frames, parts, extents, known, hidden, {})

    def check(self, moves: Moves) -> None:
        """Raise PolicyError unless these actors can play this game; clips may have other lengths."""
        runs = self.frames * moves.extents["temporal"]
        here = {"spatial": moves.spatial_parts, "temporal": [runs, *moves.temporal_parts[1:]]}
        if here != self.parts or moves.extents != self.extents:
            raise PolicyError(
                f"the policy chooses from {self.parts}, this game from {here}: play under the bound and "
                "the distortion that it was trained with (bound=..., distortion=...), or train again"
            )

    def game_under(self, rules: GameConfig) -> GameConfig:
        """The game of training with what a comparison fixes: budget, clean-up, norm and target."""
        return replace(
            game_from(self.game),
            budget=rules.budget, cleanup=rules.cleanup, norm=rules.norm, target=rules.target,
        )  # fmt: skip

    @torch.inference_mode()
    def act(
        self,
        observations: Mapping[str, Mapping[str, NDArray]],
        rng: np.random.Generator | None = None,
        greedy: bool = False,
    ) -> dict[str, NDArray[np.int64]]:
        """Actions of both agents: the likeliest (`greedy`) or drawn, with `rng`, as in training.

        Args:
            observations: Dict observations by agent, of a game that is not flat.
            rng: draws; None: from fresh random numbers.
            greedy: take the likeliest choice of each part.
        """
        rng = np.random.default_rng() if rng is None else rng
        actions = {}
        for agent, actor in self.actors.items():
            obs = {
                key: torch.from_numpy(np.asarray(v))[None] for key, v in observations[agent].items()
            }
            logits = actor(obs)[0].numpy().astype(np.float64)
            if not greedy:
                logits = logits + rng.gumbel(size=logits.shape)  # the Gumbel-max trick
            rest = actor.parts[1:]
            ends = np.cumsum([len(logits) - sum(rest), *rest])[:-1]
            parts = np.split(logits, ends)
            actions[agent] = np.array([int(part.argmax()) for part in parts])
        return actions

    def export(self, path: str | Path) -> Path:
        """Write a file that plays without this project, see `video_attack.agents.policy.export`."""
        from video_attack.agents.policy.export import export

        return export(self, path)

    def save(self, path: Path) -> None:
        """Write one file that `load` reads; atomic."""
        content = {
            "format": FORMAT,
            "game": self.game,
            "frames": self.frames,
            "parts": self.parts,
            "extents": self.extents,
            "distortion": self.distortion,
            "hidden": self.hidden,
            "facts": self.facts,
            "actors": {agent: actor.state_dict() for agent, actor in self.actors.items()},
        }
        save_tensors(path, content)

    @classmethod
    def load(cls, path: str | Path) -> "Policy":
        """Read a policy file, or the one in a run's folder.

        Raises:
            PolicyError: not a policy file, or one of other agents.
        """
        path = Path(path)
        path = path / "policy.pt" if path.is_dir() else path
        if not path.exists():
            raise PolicyError(f"no policy at {path}: run train.py first, or name a run's folder")
        try:
            content = load_state(path)
        except VictimError as error:  # the loader's word for any file that is no checkpoint
            raise PolicyError(f"no usable policy: {error}") from error
        needed = ("game", "frames", "parts", "extents", "distortion", "hidden", "facts")
        whole = {"actors", *needed} <= content.keys() and isinstance(content["actors"], dict)
        if content.get("format") != FORMAT or not whole:
            raise PolicyError(
                f"{path} is no policy file of format {FORMAT}: name a run's policy.pt, or train again"
            )
        if set(content["actors"]) != set(AGENTS):
            raise PolicyError(
                f"{path} has the agents {sorted(content['actors'])}, this game has {sorted(AGENTS)}: "
                "train again with train.py"
            )
        policy = cls({}, *(content[key] for key in needed))
        try:
            for agent, state in content["actors"].items():
                shape = policy.parts[agent], policy.extents[agent], policy.hidden
                # First without memory, since a file may claim any size; PyTorch warns that it holds nothing.
                with torch.device("meta"), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    load_into(make_actor(agent, *shape), state, f"{path} ({agent})")
                actor = make_actor(agent, *shape)
                load_into(actor, state, f"{path} ({agent})")
                policy.actors[agent] = actor.eval()
        except VictimError:
            raise
        except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
            why = " ".join(str(error).split())[:100]
            raise PolicyError(
                f"{path} is no policy file ({why}): name a run's policy.pt, or train again"
            ) from error
        return policy

    def load_actors(self, states: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over the weights of actors of the same shape."""
        for agent, state in states.items():
            self.actors[agent].load_state_dict(dict(state))
            self.actors[agent].eval()


def game_from(plain: Mapping[str, Any]) -> GameConfig:
    """Rules of the game from plain values, of a file or of the config group `env`."""
    return GameConfig(**{**plain, "reward": RewardWeights(**plain["reward"])})
