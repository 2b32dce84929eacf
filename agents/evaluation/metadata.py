"""Where figures come from: run.json with the victim's hash, versions and the seed."""

import hashlib
import json
import logging
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from video_attack.agents.core.errors import ANEW, CheckpointError
from video_attack.agents.core.files import write_whole
from video_attack.agents.setup.attack_setup import AttackSetup
from video_attack.envs.victims.base import Victim
from video_attack.envs.victims.defended import Defended

log = logging.getLogger(__name__)
LIBRARIES = (
    "torch", "numpy", "scipy", "scikit-image", "opencv-python-headless", "av", "torchvision",
    "transformers", "onnxruntime", "ray", "gymnasium", "pettingzoo", "hydra-core",
)  # fmt: skip
NOISE = 3  # clips of the fingerprint by answers
DIGITS = 3  # of the probabilities in it: more would change from machine to machine


def note_run(setup: AttackSetup, config: Mapping[str, Any], folder: Path) -> None:
    """Write run.json, or, where a run goes on, add to it after a look at what must be the same.

    Keys: victim (see `fingerprint`), policy (SHA-256 of the file that `checkpoint` names, or None),
    classes (names), seed, budget, versions (those at the beginning), command, resumes (how often it went on).

    Raises:
        CheckpointError: the run to go on with had another victim or policy under the same name.
    """
    path = folder / "run.json"
    facts = {
        "victim": fingerprint(setup.victim),
        "policy": _policy_hash(config.get("checkpoint")),
        "classes": list(setup.victim.classes),
        "seed": config["seed"],
        "budget": setup.game.budget,
        "versions": versions(),
        "command": sys.argv[1:],
        "resumes": 0,
    }
    if path.exists():
        before = began_with(path)
        # Answers may differ in their last digits on another machine; weights may not.
        named = ["policy", "victim"] if "weights" in before["victim"]["of"] else ["policy"]
        for key in named:
            if before[key] not in (None, facts[key]):
                raise CheckpointError(
                    f"the {key} is not the one that this run began with (its SHA-256 differs): {ANEW}"
                )
        facts = {**before, "policy": facts["policy"], "resumes": before["resumes"] + 1}
    write_whole(path, (json.dumps(facts, indent=1) + "\n").encode())


def began_with(path: Path) -> dict[str, Any]:
    """What a run's run.json says.

    Raises:
        CheckpointError: it says nothing of that kind.
    """
    try:
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _ = before["policy"], before["victim"]["of"] + "", before["resumes"] + 1
    except (ValueError, LookupError, TypeError) as error:
        raise CheckpointError(f"{path} does not say what this run began with: {ANEW}") from error
    return before


def fingerprint(victim: Victim) -> dict[str, Any]:
    """A victim's SHA-256, what it is of, and how many queries no ledger counted for it.

    Of the weights, where the victim is a PyTorch network in this process. Of any other, of its
    probabilities for three fixed clips of noise, rounded to three digits: three queries.
    """
    bare = victim.victim if isinstance(victim, Defended) else victim
    net = getattr(bare, "net", None)
    digest = hashlib.sha256()
    if isinstance(net, nn.Module):
        for name, tensor in sorted(net.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().double().numpy().tobytes())
        return {"sha256": digest.hexdigest(), "of": "the network's weights", "uncounted_queries": 0}
    T, side = victim.sampling.frames, victim.sampling.size
    clips = np.random.default_rng(0).integers(0, 256, (NOISE, T, side, side, 3), np.uint8)
    # Adding 0.0 turns -0.0 into 0.0, whose bytes differ.
    digest.update((victim.scores(clips).astype(np.float64).round(DIGITS) + 0.0).tobytes())
    log.info("the victim's fingerprint took %d queries that no attack is charged with", NOISE)
    return {
        "sha256": digest.hexdigest(),
        "of": "the answers to three clips of noise",
        "uncounted_queries": NOISE,
    }


def versions() -> dict[str, str]:
    """Versions of Python, the system and the libraries that are installed."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _policy_hash(checkpoint: str | None) -> str | None:
    path = Path(checkpoint or "")
    path = path / "policy.pt" if path.is_dir() else path
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
