"""Commands as the entry points compose them, in this process and without running them."""

from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from video_attack.agents.configs import command_line as configuration
from video_attack.agents.configs.arrange import arrange, read_options

ROOT = Path(__file__).parents[1]


def composed(command: str, *arguments: str) -> dict[str, Any]:
    """The plain configuration of a command line."""
    configuration.prepare()
    try:
        given = read_options(arrange(command, arguments)).overrides
        with initialize_config_dir(str(ROOT / "conf"), version_base=None):
            found = compose(command, [*given, "run_dir=x"])
    finally:
        GlobalHydra.instance().clear()
    plain: dict[str, Any] = OmegaConf.to_container(found, resolve=True)  # type: ignore[assignment]
    return plain


def a_run(folder: Path, *arguments: str, **groups: Any) -> Path:
    """A folder as `train.py` begins it, with some config groups given whole."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {**composed("train", *arguments), **groups}
    (folder / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
    return folder
