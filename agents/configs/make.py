"""`video_attack.make`: the game from names or objects, in the form that a library wants."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from video_attack.agents.core.build import build_distort
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.core.needs import need
from video_attack.agents.setup.attack_setup import (
    AttackSetup,
    build_bound,
    build_game,
    check_setup,
    make_victim,
    try_out,
)
from video_attack.envs.datasets.base import ClipDataset, Split
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.joint import JointEnv
from video_attack.envs.game.palette import Distort
from video_attack.envs.game.rules import rules_of
from video_attack.envs.game.turns import TurnsEnv
from video_attack.envs.game.vector import JointVector, ParallelVector, SharedVector
from video_attack.envs.victims.base import Victim
from video_attack.envs.video_attack_v1 import parallel_env

ONE: dict[str, Callable[[VideoAttackEnv], Any]] = {
    "parallel": lambda game: game, "aec": TurnsEnv, "joint": JointEnv,
}  # fmt: skip
MANY: dict[str, Callable[..., Any]] = {
    "parallel": ParallelVector, "joint": JointVector, "shared": SharedVector,
}  # fmt: skip


def make(
    model: str | Victim | None = None,
    dataset: str | ClipDataset | None = None,
    distortion: str | Distort | None = None,
    *,
    defence: str | None = None,
    bound: str | BoundConfig | None = None,
    experiment: str | None = None,
    config: GameConfig | Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    config_dir: str | Path | None = None,
    split: Split = "train",
    form: str = "parallel",
    num_envs: int | None = None,
    autoreset: str = "next_step",
    **options: Any,
) -> Any:
    """The game as a command line would set it up: `make("i3d", "ucf101", experiment="linf", flat_obs=True)`.

    Names are choices of conf/, as in `python train.py model=i3d dataset=ucf101`; they need Hydra. Objects
    need nothing, and stand for the choice of their group. What is left out is the default.

    Args:
        model: the victim.
        dataset: the clips; an object holds one split's.
        distortion: the distortion, or a function (clip, severity, rng) -> clip.
        defence: a defence before the victim, by name.
        bound: where attacked clips may lie.
        experiment: a preset, such as "linf" or "free".
        config: rules of the game, or a dict of those that are not the setting's, such as {"budget": 50}.
        overrides: further words of a command line, such as "model.weights=i3d.pt".
        config_dir: a folder with choices of your own, as `--config-dir`.
        split: train, validation or test: which clips of a data set by name.
        form: "parallel" (VideoAttackEnv, a ParallelEnv), "aec" (TurnsEnv, an AECEnv), "joint" (JointEnv, a
            gymnasium.Env for one agent) or "shared" (SharedVector: both agents are rows of one batch).
        num_envs: None, or how many games are played side by side with one victim call a step:
            ParallelVector, JointVector or SharedVector.
        autoreset: of those, see `video_attack.envs.game.vector`.
        **options: of VideoAttackEnv: severity, flat_obs, flat_actions, equal_spaces, mask, max_cycles,
            render_mode.

    Raises:
        ConfigError: no such name, key, form or option, or Hydra is needed and missing.
        VictimError: weights that are missing or do not fit.
        DatasetError: clips that are missing.
    """
    if form not in {*ONE, *MANY}:
        raise ConfigError(f"form={form!r}: choose one of {', '.join([*ONE, 'shared'])}")
    if num_envs is not None and form not in MANY:
        raise ConfigError(f"num_envs={num_envs}: not with form={form!r}; choose {', '.join(MANY)}")
    known = inspect.signature(VideoAttackEnv).parameters.keys() - {"config", "bound", "distort"}
    for key in options.keys() - known:
        raise ConfigError(
            f"make takes no {key!r}: keys of conf/ are written overrides=['GROUP.{key}=...'], and "
            f"the environment's own are {', '.join(sorted(known - {'victim', 'dataset'}))}"
        )
    if form == "shared":
        options["equal_spaces"] = True
    groups = {
        "model": model, "dataset": dataset, "distortion": distortion, "defence": defence, "bound": bound,
        "experiment": experiment,
    }  # fmt: skip
    names = {group: given for group, given in groups.items() if isinstance(given, str)}
    if names or overrides or config_dir:
        need("evaluate", "hydra", user="make(...) by names")
        game = _by_names(groups, names, config, overrides, config_dir, split, options)
    else:
        game = parallel_env(model, dataset, distortion, config=config, bound=bound, **options)  # type: ignore[arg-type] # no names here
    if num_envs is None and form != "shared":
        return ONE[form](game)
    return MANY[form](game, 1 if num_envs is None else num_envs, autoreset)


def _by_names(
    groups: Mapping[str, Any],
    names: Mapping[str, str],
    config: GameConfig | Mapping[str, Any] | None,
    overrides: Sequence[str],
    config_dir: str | Path | None,
    split: Split,
    options: dict[str, Any],
) -> VideoAttackEnv:
    from video_attack.agents.configs.compose import composed  # knows Hydra

    plain = composed(names, overrides, config_dir)
    plain["env"] = _merged(plain["env"], config)
    if isinstance(groups["bound"], BoundConfig):
        plain["bound"] = asdict(groups["bound"])
    check_setup(plain)
    given = groups["distortion"]
    by_hand = callable(given)
    if isinstance(groups["model"], Victim) and names.get("defence"):
        raise ConfigError("defence: it stands before a model by name; wrap your object in Defended")
    setup = AttackSetup(
        config=plain,
        victim=groups["model"] if isinstance(groups["model"], Victim) else make_victim(plain),
        distort=given if by_hand else build_distort(plain["distortion"]),
        severity=options.pop("severity", plain["distortion"]["severity"]),
        game=build_game(plain["env"]),
        bound=build_bound(plain["bound"]),
    )
    try_out(setup)
    clips = groups["dataset"]
    if not isinstance(clips, ClipDataset):
        clips = setup.dataset(split)
    return VideoAttackEnv(
        setup.victim, clips, setup.distort,
        severity=setup.severity, config=setup.game, bound=setup.bound, **options,
    )  # fmt: skip


def _merged(
    plain: Mapping[str, Any], config: GameConfig | Mapping[str, Any] | None
) -> dict[str, Any]:
    """The group `env` with the user's rules in place of its own."""
    if config is None:
        return dict(plain)
    if isinstance(config, GameConfig):
        return asdict(config)
    rules_of(config)  # which names a key that is none
    reward = {**plain["reward"], **dict(config.get("reward") or {})}
    return {**plain, **config, "reward": reward}
