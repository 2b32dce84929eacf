"""What is attacked, with what, under which rules: built from plain configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from video_attack.agents.attacks.base import Attack, ThreatModel
from video_attack.agents.core.build import build, build_distort, locate
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.policy.acting import game_from
from video_attack.envs.datasets.base import ClipDataset, Split
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.episode import choose_goal
from video_attack.envs.game.mask import cell_edges
from video_attack.envs.game.palette import Distort, distorted_variants
from video_attack.envs.game.threat import check_feedback
from video_attack.envs.metrics.perceptual import Lpips
from video_attack.envs.victims.base import Victim
from video_attack.envs.victims.defended import Defended


@dataclass(frozen=True)
class AttackSetup:
    """What is attacked, with what, under which rules; built once a process.

    Attributes:
        config: the plain configuration it was built from (groups dataset, model, distortion, env; of an
            evaluation also bound and trust).
    """

    config: Mapping[str, Any]
    victim: Victim
    distort: Distort
    severity: int
    game: GameConfig
    bound: BoundConfig = field(default_factory=BoundConfig)
    _datasets: dict[str, ClipDataset] = field(default_factory=dict)

    @property
    def margin(self) -> float:
        """How far past the boundary a success must be, in nats."""
        return float(self.config.get("margin") or 0.0)

    def dataset(self, split: Split) -> ClipDataset:
        """Clips of one split, cut as the victim needs them; the same object on every call."""
        if split not in self._datasets:
            self._datasets[split] = build(
                "dataset", self.config["dataset"],
                split=split, sampling=self.victim.sampling, classes=self.victim.classes,
            )  # fmt: skip
        return self._datasets[split]

    def env(self, split: Split) -> VideoAttackEnv:
        """The environment on one split; environments of one setup share its victim."""
        return VideoAttackEnv(
            self.victim, self.dataset(split), self.distort,
            severity=self.severity, config=self.game, bound=self.bound, margin=self.margin,
        )  # fmt: skip

    def threat_model(self) -> ThreatModel:
        """The rules for attacks."""
        return ThreatModel(
            self.game, self.distort, self.severity, len(self.victim.classes),
            self.victim.sampling.frames, self.bound, self.margin,
            bool(self.config.get("trust")),
        )  # fmt: skip

    def attack(self, config: Mapping[str, Any], **given: Any) -> Attack:
        """An attack from the config group `attack`."""
        return build("attack", config, self.threat_model(), **given)


def build_game(config: Mapping[str, Any]) -> GameConfig:
    """Game rules from the plain config group `env`; raises ConfigError for a wrong value or key."""
    try:
        return game_from(config)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"env: {error}" if isinstance(error, TypeError) else str(error)
        ) from error


def build_bound(config: Mapping[str, Any]) -> BoundConfig:
    """The bound from the plain config group `bound`; a distortion where there is none."""
    try:
        return BoundConfig(**config)
    except (ValueError, TypeError) as error:
        raise ConfigError(str(error)) from error


# Keys of `model` that say how it is shown, and are no arguments of it.
NOT_THE_MODELS = ("feedback", "top_k", "name")
# The smallest value of each number that the commands themselves use.
LOWEST = {
    "seed": 0, "clips": 0, "examples": 0, "threads": 0, "side_by_side": 1, "queries": 1,
    "keep_checkpoints": 1,
    "epochs": 1, "batch": 1,
    "validation.clips": 1, "validation.every": 1, "algo.batch": 1, "algo.minibatch": 1,
    "algo.epochs": 1, "algo.hidden": 2, "cluster.runners": 0, "cluster.games_per_runner": 1,
}  # fmt: skip


def check_setup(config: Mapping[str, Any]) -> None:
    """Raise ConfigError on what can be known to be wrong before anything costly is built."""
    for key, low in LOWEST.items():
        value: Any = config
        for name in key.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None and value < low:
            raise ConfigError(f"{key}={value}: must be at least {low}")
    if config.get("layers", "head") not in ("head", "all"):
        raise ConfigError(f"layers={config['layers']!r}: choose head or all")
    if "algo" in config and config["algo"]["minibatch"] > config["algo"]["batch"]:
        raise ConfigError(
            f"algo.minibatch={config['algo']['minibatch']}: must be at most "
            f"algo.batch={config['algo']['batch']}"
        )
    if "cluster" in config and config["cluster"]["victim"] not in ("inline", "actor"):
        raise ConfigError(f"cluster.victim={config['cluster']['victim']!r}: choose inline or actor")
    if config.get("lpips_linear") and not config.get("lpips"):
        raise ConfigError(
            f"lpips_linear={config['lpips_linear']}: LPIPS needs AlexNet too; name it with lpips=..."
        )
    if "env" in config:
        build_game(config["env"])
    margin = config.get("margin") or 0.0
    if not 0 <= margin < np.inf:
        raise ConfigError(f"attack.margin={margin}: must be 0 or a number of nats above it")
    if margin and config["model"]["feedback"] == "label":
        raise ConfigError(
            f"attack.margin={margin}: an attacker cannot see it when model.feedback=label; set it to 0"
        )
    build_bound(config.get("bound") or {})
    try:
        check_feedback(config["model"]["feedback"], config["model"]["top_k"])
    except ValueError as error:
        raise ConfigError(f"model.{error}") from error
    for group in ("dataset", "model", "defence", "distortion"):
        if (config.get(group) or {}).get("_target_"):
            locate(config[group]["_target_"])


def build_setup(config: Mapping[str, Any], victim: Victim | None = None) -> AttackSetup:
    """Build victim, distortion and rules from plain config groups; a victim that is there is taken."""
    setup = AttackSetup(
        config=config,
        victim=victim or make_victim(config),
        distort=build_distort(config["distortion"]),
        severity=config["distortion"]["severity"],
        game=build_game(config["env"]),
        bound=build_bound(config.get("bound") or {}),
    )
    try_out(setup)
    return setup


def build_lpips(config: Mapping[str, Any]) -> Lpips | None:
    """LPIPS of the keys `lpips` and `lpips_linear`; None where `lpips` is absent or None.

    Raises:
        VictimError: a file is missing or does not fit.
    """
    if not config.get("lpips"):
        return None
    return Lpips(config["lpips"], config.get("lpips_linear"))


def try_out(setup: AttackSetup) -> None:
    """Raise ConfigError unless distortion, rules and victim fit each other, on a black clip."""
    sampling, game = setup.victim.sampling, setup.game
    black = np.zeros((sampling.frames, sampling.size, sampling.size, 3), np.uint8)
    rng = np.random.default_rng(0)
    try:
        cell_edges(sampling.size, game.grid)
        choose_goal(0, len(setup.victim.classes), game.target, rng)
        distorted_variants(setup.distort, black, setup.severity, game.variants, rng)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the game cannot be played: {error}") from error


def make_victim(config: Mapping[str, Any]) -> Victim:
    """The victim of the groups `model` and `defence`, in this process."""
    own = {key: value for key, value in config["model"].items() if key not in NOT_THE_MODELS}
    victim: Victim = build("model", own)
    victim.feedback, victim.top_k = config["model"]["feedback"], config["model"]["top_k"]
    defence = dict(config["defence"])
    if defence["_target_"] is None:
        return victim
    votes, seed = defence.pop("votes"), defence.pop("seed")
    try:
        return Defended(victim, build("defence", defence), votes=votes, seed=seed)
    except ValueError as error:
        raise ConfigError(f"defence: {error}") from error
