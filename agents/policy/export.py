"""Export: both actors as one file that plays without this project, by PyTorch or by ONNX Runtime alone."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from video_attack.agents.core.errors import PolicyError
from video_attack.agents.core.files import write_whole
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.moves import SPATIAL, TEMPORAL
from video_attack.envs.game.observation import observation_spaces

if TYPE_CHECKING:
    from video_attack.agents.policy.acting import Policy

Logits = tuple[Tensor, ...]


class Actors(nn.Module):
    """Both actors, each from its observations to one set of logits (B, choices) a part of its action."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.actors = nn.ModuleDict(copy.deepcopy(policy.actors)).requires_grad_(False)
        self.rest = {agent: actor.parts[1:] for agent, actor in policy.actors.items()}

    def spatial(self, obs: Mapping[str, Tensor]) -> Logits:
        """Logits of the spatial agent, see `video_attack.envs.game.moves.SPATIAL`."""
        return self._logits("spatial", obs)

    def temporal(self, obs: Mapping[str, Tensor]) -> Logits:
        """Logits of the temporal agent, see `video_attack.envs.game.moves.TEMPORAL`."""
        return self._logits("temporal", obs)

    def _logits(self, agent: str, obs: Mapping[str, Tensor]) -> Logits:
        logits: Tensor = self.actors[agent](obs)
        rest = self.rest[agent]
        return logits.split([int(logits.shape[1]) - sum(rest), *rest], dim=1)


class Flat(nn.Module):
    """The same for ONNX, whose graphs take and give tensors in a row."""

    def __init__(self, actors: Actors, keys: Mapping[str, list[str]]) -> None:
        super().__init__()
        self.actors, self.keys = actors, {agent: list(names) for agent, names in keys.items()}

    def forward(self, *seen: Tensor) -> Logits:
        """Logits of the spatial agent's parts, then of the temporal one's."""
        left, said = list(seen), []
        for agent in AGENTS:
            obs = {key: left.pop(0) for key in self.keys[agent]}
            said += [*getattr(self.actors, agent)(obs)]
        return tuple(said)


def export(policy: Policy, path: str | Path) -> Path:
    """Write both actors into one file, and what they must know of their game into a .json beside it.

    `.onnx` is a graph with inputs such as `spatial_planes` and outputs such as `temporal_run`; any other
    ending is TorchScript with the methods `spatial` and `temporal`, each from a dict of its observations to
    a tuple of logits. In both the first dimension is a batch's, thumbnails are uint8 as they are observed,
    and a choice is drawn by a softmax over its part's logits, or is the largest one. For clips of as many
    frames as in training. The .json holds the rules of the game, the frames, the names of the parts and
    the distortion: play under these.

    Raises:
        PolicyError: there is no such folder, or ONNX cannot hold these networks.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise PolicyError(f"{path.parent} is no folder: make it first, or name another place")
    batch = {
        agent: {
            key: torch.from_numpy(np.stack([space.low, space.low]))  # type: ignore[attr-defined] # parts are Box
            for key, space in spaces.items()
        }
        for agent, spaces in observation_spaces(policy.frames, int(policy.game["grid"])).items()
    }
    actors = Actors(policy).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes are those of the game, which are meant to be fixed
        if path.suffix == ".onnx":
            _write_onnx(actors, batch, path)
        else:
            traced = torch.jit.trace_module(actors, {a: (batch[a],) for a in AGENTS})
            torch.jit.save(traced, str(path))
    about = {
        "game": policy.game, "frames": policy.frames, "distortion": policy.distortion,
        "parts": {"spatial": SPATIAL, "temporal": TEMPORAL}, "facts": policy.facts,
    }  # fmt: skip
    write_whole(path.with_suffix(".json"), json.dumps(about, indent=1).encode())
    return path


def _write_onnx(actors: Actors, batch: Mapping[str, Mapping[str, Tensor]], path: Path) -> None:
    inputs = {f"{agent}_{key}": value for agent in AGENTS for key, value in batch[agent].items()}
    outputs = [f"spatial_{part}" for part in SPATIAL] + [f"temporal_{part}" for part in TEMPORAL]
    try:
        torch.onnx.export(
            Flat(actors, {agent: [*batch[agent]] for agent in AGENTS}),
            tuple(inputs.values()), str(path), input_names=[*inputs], output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in (*inputs, *outputs)},
            dynamo=False,  # the newer exporter needs a further library
        )  # fmt: skip
    except (RuntimeError, ImportError, torch.onnx.errors.OnnxExporterError) as error:
        raise PolicyError(
            f"ONNX cannot hold these actors ({error}): export TorchScript, agents.ts"
        ) from error
