"""Typed schema behind conf/: a key that is not here, or of another type, is refused at once."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig


@dataclass
class AlgoConfig:
    """PPO; see conf/algo/ippo.yaml."""

    central: bool = MISSING
    hidden: int = MISSING
    batch: int = MISSING
    minibatch: int = MISSING
    epochs: int = MISSING
    lr: float = MISSING
    gamma: float = MISSING
    gae_lambda: float = MISSING
    clip_range: float = MISSING
    ent_coef: float = MISSING
    vf_coef: float = MISSING
    grad_clip: float = MISSING
    sharpness: float = MISSING


@dataclass
class ClusterConfig:
    """Where things run; see conf/cluster/local.yaml."""

    address: str = MISSING
    cpus: int | None = MISSING
    runners: int = MISSING
    games_per_runner: int = MISSING
    runner_cpus: float = MISSING
    victim: str = MISSING
    victim_gpus: float = MISSING
    learner_gpus: float = MISSING
    sample_timeout_s: float = MISSING


@dataclass
class ValidationConfig:
    """Validation during training; see conf/train.yaml."""

    clips: int = MISSING
    every: int = MISSING


@dataclass
class RunConfig:
    """What training and evaluation have in common."""

    # Any: these groups hold `_target_` and that target's own arguments, checked when it is built.
    dataset: Any = MISSING
    model: Any = MISSING
    distortion: Any = MISSING
    defence: Any = MISSING
    env: GameConfig = field(default_factory=GameConfig)
    bound: BoundConfig = field(default_factory=BoundConfig)
    seed: int = MISSING
    run_dir: str = MISSING
    clips: int = MISSING
    examples: int = MISSING
    side_by_side: int = MISSING
    threads: int = MISSING


@dataclass
class TrainConfig(RunConfig):
    """conf/train.yaml."""

    algo: AlgoConfig = field(default_factory=AlgoConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    loggers: dict[str, Any] = field(default_factory=dict)
    queries: int = MISSING
    resume: bool = MISSING
    keep_checkpoints: int = MISSING


@dataclass
class EvaluateConfig(RunConfig):
    """conf/evaluate.yaml."""

    attack: Any = None  # None where `attacks` holds them all
    attacks: dict[str, Any] = field(default_factory=dict)
    margin: float = MISSING
    codec_in_loop: str | None = MISSING
    checkpoint: str | None = MISSING
    trust: bool = MISSING
    file_check: bool = MISSING
    lpips: str | None = MISSING
    lpips_linear: str | None = MISSING
    resume: bool = MISSING
    workers: int = MISSING
    worker_gpus: float = MISSING
    ray_address: str = MISSING


@dataclass
class FinetuneConfig:
    """conf/finetune.yaml."""

    dataset: Any = MISSING
    model: Any = MISSING
    layers: str = MISSING
    classes: list[str] | None = MISSING
    epochs: int = MISSING
    batch: int = MISSING
    lr: float = MISSING
    weight_decay: float = MISSING
    mirror: bool = MISSING
    seed: int = MISSING
    threads: int = MISSING
    resume: bool = MISSING
    run_dir: str = MISSING


SCHEMAS = {"train": TrainConfig, "evaluate": EvaluateConfig, "finetune": FinetuneConfig}


def register() -> None:
    """Make the schemas known to Hydra."""
    store = ConfigStore.instance()
    for command, schema in SCHEMAS.items():
        store.store(name=f"{command}_schema", node=schema)
