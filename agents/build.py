"""From configuration to components: `_target_` names a class to construct or a function to call."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from agents.attacks.base import Attack, Rules
from agents.policy import PolicyError, game_from
from envs.datasets.base import ClipDataset, DatasetError, Part
from envs.episode import Distort, choose_goal, distorted_draws
from envs.game_config import GameConfig
from envs.mask import cell_edges
from envs.metrics.perceptual import Lpips
from envs.threat import check_answers
from envs.victims.base import Victim, VictimError
from envs.victims.defended import Defended
from envs.video_attack_v0 import VideoAttackEnv


class ConfigError(ValueError):
    """A configuration that names no such component or gives it arguments that it does not take."""


# Errors whose message already says what to do.
USER_ERRORS = (ConfigError, PolicyError, DatasetError, VictimError)


def locate(target: str) -> Callable[..., Any]:
    """The class or function that a dotted name means.

    Raises:
        ConfigError: no such module, or nothing of that name in it.
    """
    module, _, name = target.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as fault:
        raise ConfigError(
            f"_target_={target!r} cannot be imported ({fault}): write package.module.Name, and see that "
            "the package is installed or on PYTHONPATH"
        ) from fault
    if not callable(found):
        raise ConfigError(f"_target_={target!r} is neither a class nor a function")
    return found


def accepted(target: Callable[..., Any]) -> list[str] | None:
    """Names of the arguments that a class or function takes; None when it takes any.

    A constructor with `**kwargs` passes them on to the base class, whose arguments are looked up.
    """
    makers: list[Callable[..., Any]] = [target]
    if inspect.isclass(target):
        makers = [vars(c)["__init__"] for c in inspect.getmro(target) if "__init__" in vars(c)]
    names: list[str] = []
    for maker in makers:
        parameters = inspect.signature(maker).parameters.values()
        names += [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return [name for name in dict.fromkeys(names) if name != "self"]
    return None


def build(group: str, config: Mapping[str, Any], *args: Any, **given: Any) -> Any:
    """Construct the component of a config group, or bind its keys when it is a function.

    Args:
        group: the group's name, for messages.
        config: `_target_` and its keyword arguments.
        *args: further positional arguments that the caller gives.
        **given: further keyword arguments that the caller gives.

    Raises:
        ConfigError: a key that the target does not take; the message says which it does.
    """
    own = {key: value for key, value in config.items() if key != "_target_"}
    target = locate(config["_target_"])
    parameters = accepted(target)
    if parameters is not None:
        unknown = [key for key in own if key not in parameters]
        if unknown:
            allowed = ", ".join(key for key in parameters if key not in given) or "none"
            raise ConfigError(
                f"{group}.{unknown[0]}: {config['_target_']} takes no such argument; allowed: {allowed}"
            )
    if inspect.isclass(target):
        try:
            return target(*args, **own, **given)
        except (ValueError, TypeError) as fault:
            if isinstance(fault, USER_ERRORS):
                raise
            raise ConfigError(f"{group}: {fault}") from fault
    return functools.partial(target, **own)


@dataclass(frozen=True)
class Setting:
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
    _datasets: dict[str, ClipDataset] = field(default_factory=dict)

    def dataset(self, part: Part) -> ClipDataset:
        """Clips of one part, cut as the victim needs them; the same object on every call."""
        if part not in self._datasets:
            self._datasets[part] = build(
                "dataset", self.config["dataset"],
                part=part, sampling=self.victim.sampling, classes=self.victim.classes,
            )  # fmt: skip
        return self._datasets[part]

    def env(self, part: Part) -> VideoAttackEnv:
        """The environment on one part; environments of one setting share its victim."""
        return VideoAttackEnv(
            self.victim, self.dataset(part), self.distort,
            severity=self.severity, config=self.game,
        )  # fmt: skip

    def rules(self) -> Rules:
        """The rules for attacks."""
        return Rules(
            self.game, self.distort, self.severity, len(self.victim.classes),
            self.victim.sampling.frames, (self.config.get("bound") or {}).get("eps"),
            bool(self.config.get("trust")),
        )  # fmt: skip

    def attack(self, config: Mapping[str, Any], **given: Any) -> Attack:
        """An attack from the config group `attack`."""
        return build("attack", config, self.rules(), **given)


def build_game(config: Mapping[str, Any]) -> GameConfig:
    """Game rules from the plain config group `env`; raises ConfigError for a wrong value or key."""
    try:
        return game_from(config)
    except (ValueError, TypeError) as fault:
        raise ConfigError(
            f"env: {fault}" if isinstance(fault, TypeError) else str(fault)
        ) from fault


# The smallest value of each number that the commands themselves use.
LOWEST = {
    "seed": 0, "clips": 0, "examples": 0, "threads": 0, "side_by_side": 1, "queries": 1, "keep": 1,
    "epochs": 1, "batch": 1,
    "validation.clips": 1, "validation.every": 1, "algo.batch": 1, "algo.minibatch": 1,
    "algo.epochs": 1, "algo.hidden": 2, "cluster.runners": 0, "cluster.games_per_runner": 1,
}  # fmt: skip


def check_setting(config: Mapping[str, Any]) -> None:
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
    try:
        check_answers(config["model"]["answers"], config["model"]["top_k"])
    except ValueError as fault:
        raise ConfigError(f"model.{fault}") from fault
    for group in ("dataset", "model", "defence", "distortion"):
        if (config.get(group) or {}).get("_target_"):
            locate(config[group]["_target_"])


def build_setting(config: Mapping[str, Any]) -> Setting:
    """Build victim, distortion and rules from plain config groups."""
    setting = Setting(
        config=config,
        victim=build_victim(config),
        distort=build_distort(config["distortion"]),
        severity=config["distortion"]["severity"],
        game=build_game(config["env"]),
    )
    try_out(setting)
    return setting


def build_distort(config: Mapping[str, Any]) -> Distort:
    """The distortion of the config group `distortion`; its severity is not bound."""
    distort: Distort = build("distortion", {k: v for k, v in config.items() if k != "severity"})
    return distort


def build_lpips(config: Mapping[str, Any]) -> Lpips | None:
    """LPIPS of the keys `lpips` and `lpips_linear`; None where `lpips` is absent or None.

    Raises:
        VictimError: a file is missing or does not fit.
    """
    if not config.get("lpips"):
        return None
    return Lpips(config["lpips"], config.get("lpips_linear"))


def try_out(setting: Setting) -> None:
    """Raise ConfigError unless distortion, rules and victim fit each other, on a black clip."""
    sampling, game = setting.victim.sampling, setting.game
    black = np.zeros((sampling.frames, sampling.size, sampling.size, 3), np.uint8)
    rng = np.random.default_rng(0)
    try:
        cell_edges(sampling.size, game.grid)
        choose_goal(0, len(setting.victim.classes), game.target, rng)
        distorted_draws(setting.distort, black, setting.severity, game.draws, rng)
    except (ValueError, TypeError) as fault:
        raise ConfigError(f"the game cannot be played: {fault}") from fault
    eps = (setting.config.get("bound") or {}).get("eps")
    if eps is not None and not 1 <= eps <= 255:
        raise ConfigError(f"bound.eps={eps}: choose from 1 to 255")


def build_victim(config: Mapping[str, Any]) -> Victim:
    """The victim in this process, or a handle to the one in a Ray actor (`cluster.victim=actor`)."""
    if config.get("victim_actor"):
        from agents.victim_actor import RemoteVictim

        return RemoteVictim(config["victim_actor"])
    return make_victim(config)


def make_victim(config: Mapping[str, Any]) -> Victim:
    """The victim of the groups `model` and `defence`, in this process."""
    own = {key: value for key, value in config["model"].items() if key not in ("answers", "top_k")}
    victim: Victim = build("model", own)
    victim.answers, victim.top_k = config["model"]["answers"], config["model"]["top_k"]
    defence = dict(config["defence"])
    if defence["_target_"] is None:
        return victim
    votes, seed = defence.pop("votes"), defence.pop("seed")
    try:
        return Defended(victim, build("defence", defence), votes=votes, seed=seed)
    except ValueError as fault:
        raise ConfigError(f"defence: {fault}") from fault
