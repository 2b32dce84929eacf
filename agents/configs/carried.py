"""What an evaluation takes over from the run of its policy: every setting of the victim and of the game.

The run's own values, not the command that made them: they become choices of Hydra's config groups, chosen
below presets and command line, so that whatever the user names wins, key by key or as a whole group.
"""

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore

from video_attack.agents.core.errors import CheckpointError
from video_attack.agents.core.renamed import refuse_old_keys
from video_attack.agents.core.trust import vet

log = logging.getLogger(__name__)
RECORD = "config.yaml"  # a run's own configuration, in its folder
POLICY = "policy.pt"
CARRIED = ("dataset", "model", "defence", "distortion", "env", "bound")
NAME = "of_the_checkpoint"  # the choice that a run's values are, in each group


class PlainLoader(yaml.SafeLoader):
    """Plain values without aliases, of which a small file can make a large structure."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node of the file."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it holds an alias (*name)")
        return super().compose_node(parent, index)


def carry(
    checkpoint: str | None,
    *,
    anew: Iterable[str] = (),
    named: dict[str, str] | None = None,
    known: dict[str, set[str]] | None = None,
    trusted: bool = False,
) -> None:
    """Offer the settings of a policy's run to Hydra, as the choice NAME of each group.

    Args:
        checkpoint: a run's folder or a policy file in one; None: nothing is offered.
        anew: groups that the user chooses, of which nothing is taken.
        named: by group, the `_target_` that the user names in place of the run's.
        known: by group, further components that the user's own configuration names.
        trusted: take components of other packages, and those that run what their values name.

    Raises:
        CheckpointError: no such run.
        TrustError: something in it that is only taken when trusted.
    """
    forget()
    if checkpoint is None:
        return
    source, values = read_settings(checkpoint)
    store, groups = ConfigStore.instance(), [g for g in CARRIED if g in values and g not in {*anew}]
    for group in groups:
        if target := (named or {}).get(group):
            values[group] = {**values[group], "_target_": target}
        if not trusted:
            also = {*(known or {}).get(group, ()), *([target] if target else [])}
            vet(group, values[group], source, also, f", or choose it yourself with {group}=...")
        # As one key of the whole, so that nothing in it can speak to Hydra (`defaults`).
        node = {group: literal(values[group])}
        store.store(group=group, name=NAME, node=node, package="_global_")
    chosen: list[Any] = [{f"override /{group}": NAME} for group in groups]
    node = {"defaults": chosen, "checkpoint": literal(checkpoint)}
    store.store(group="carried", name="run", node=node, package="_global_")


def forget() -> None:
    """Offer nothing."""
    repo = ConfigStore.instance().repo
    repo.pop("carried", None)
    for group in CARRIED:
        repo.get(group, {}).pop(f"{NAME}.yaml", None)


def offered() -> str | None:
    """The checkpoint whose settings are offered; None where there is none."""
    if "carried" not in ConfigStore.instance().repo:
        return None
    return str(ConfigStore.instance().load("carried/run.yaml").node.checkpoint)


def read_settings(checkpoint: str) -> tuple[Path, dict[str, Any]]:
    """The file with a run's configuration, and what it says; empty, with a warning, where it is missing.

    Raises:
        CheckpointError: there is no such run, or the file is no configuration.
    """
    path = Path(checkpoint)
    folder = path if path.is_dir() else path.parent
    file = folder / RECORD
    if not path.exists():
        raise CheckpointError(
            f"checkpoint={checkpoint}: there is no such folder or file: name the folder of a run, its "
            "policy.pt, or null for no policy"
        )
    if not file.is_file():
        if path.is_dir() and not (path / POLICY).is_file():
            raise CheckpointError(
                f"checkpoint={checkpoint} holds neither {RECORD} nor {POLICY}: name the folder of a run"
            )
        log.warning(
            "%s lies beside no %s: the victim, data set and game are those of this command",
            checkpoint, RECORD,
        )  # fmt: skip
        return file, {}
    values = read_record(file)
    refuse_old_keys({group: values[group] for group in CARRIED if group in values}, file)
    return file, values


def read_record(file: Path) -> dict[str, Any]:
    """A run's configuration, plain values only.

    Raises:
        CheckpointError: the file is none.
    """
    reason = ""
    try:
        values = yaml.load(file.read_text(encoding="utf-8"), PlainLoader)
        if isinstance(values, dict) and all(
            isinstance(values.get(group, {}), dict) for group in CARRIED
        ):
            return values
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = f" ({' '.join(str(error).split())})"
    raise CheckpointError(f"{file} is no configuration of a run{reason}: name the folder of one")


def literal(value: Any) -> Any:
    """A value that OmegaConf takes as it stands, without interpolation."""
    if isinstance(value, str):
        # A backslash before the sign would undo the escape, unless it is doubled.
        return re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", value)
    if isinstance(value, dict):
        return {key: literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [literal(inner) for inner in value]
    return value
