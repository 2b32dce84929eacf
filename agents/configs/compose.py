"""What is attacked, from names, as the commands compose it, for use inside of another program."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from video_attack.agents.configs.arrange import arrange
from video_attack.agents.configs.command_line import prepare
from video_attack.agents.configs.plain_words import explain
from video_attack.agents.configs.schema import register
from video_attack.agents.configs.spelling import homes_spelt_out, quoted, readable
from video_attack.agents.core.errors import USER_ERRORS, ConfigError
from video_attack.agents.core.trust import CONF

GROUPS = ("dataset", "model", "defence", "distortion", "env", "bound")


def composed(
    chosen: Mapping[str, str], overrides: Sequence[str] = (), config_dir: str | Path | None = None
) -> dict[str, Any]:
    """The plain groups of a setting.

    Args:
        chosen: by group, the name of a choice; `experiment` is one.
        overrides: further words of a command line, such as "model.weights=i3d.pt".
        config_dir: a folder with choices of the user's own.

    Raises:
        ConfigError: no such choice or key, or a value that it does not take.
    """
    words = [f"{group}={name}" for group, name in chosen.items()]
    words += [readable(word) for word in overrides]
    if config_dir is not None:
        words.append(f"hydra.searchpath=[{quoted(f'file://{Path(config_dir).resolve()}')}]")
    register()
    try:
        with own_hydra(), initialize_config_dir(str(CONF), version_base=None):
            found = compose("train", words)
        plain = {
            group: OmegaConf.to_container(found[group], resolve=True, throw_on_missing=True)
            for group in GROUPS
        }
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error, USER_ERRORS)) from error
    spelt: dict[str, Any] = homes_spelt_out(plain)
    return spelt


def composed_attack(
    name: str, overrides: Sequence[str] = (), config_dir: str | Path | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One attack as evaluate.py would set it up: its plain configuration, and the attack's own keys.

    Args:
        name: of the attack, a choice of conf/attack.
        overrides: further words of the command line.
        config_dir: see `composed`.

    Raises:
        ConfigError: see `composed`.
    """
    given = [f"attack={name}", *(readable(word) for word in overrides)]
    if config_dir is not None:
        given.append(f"hydra.searchpath=[{quoted(f'file://{Path(config_dir).resolve()}')}]")
    prepare()
    try:
        with own_hydra():
            given = arrange("evaluate", given)
        with own_hydra(), initialize_config_dir(str(CONF), version_base=None):
            found = compose("evaluate", given)
        groups = ("distortion", "env", "bound", "model", "margin", "trust", "attack", "attacks")
        plain = {
            key: OmegaConf.to_container(found[key], resolve=True, throw_on_missing=True)
            if OmegaConf.is_config(found[key])
            else found[key]
            for key in groups
        }
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error, USER_ERRORS)) from error
    plain = homes_spelt_out(plain)
    keys = dict(plain["attack"] or plain["attacks"][name])
    keys.pop("codec_in_loop", None)
    return plain, keys


@contextmanager
def own_hydra() -> Iterator[None]:
    """Room for a Hydra of ours where the program around is one of Hydra's, which finds its own again."""
    there = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().clear()
        if there is not None:
            GlobalHydra.instance().hydra = there
