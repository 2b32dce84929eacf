"""Configuration: run folders, what a run must have in common with the one that goes on, errors."""

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from video_attack.agents.configs.carried import RECORD, forget, offered, read_record
from video_attack.agents.configs.help_page import help_page
from video_attack.agents.configs.plain_words import explain
from video_attack.agents.configs.schema import register
from video_attack.agents.configs.spelling import homes_spelt_out
from video_attack.agents.core.build import locate, respelled
from video_attack.agents.core.checkpoints import begun
from video_attack.agents.core.errors import (
    ANEW,
    USER_ERRORS,
    CheckpointError,
    ConfigError,
    IncompleteError,
    in_words,
)
from video_attack.agents.core.files import write_whole
from video_attack.agents.core.renamed import refuse_old_keys
from video_attack.agents.setup.attack_setup import check_setup

RUNS = Path("runs")
SHIPPED = Path(__file__).parents[1] / "policy/shipped"  # a run's folder: policy.pt and config.yaml
EXPECTED = (*USER_ERRORS, CheckpointError, IncompleteError)


def prepare() -> None:
    """Register schemas and resolvers; to be called before Hydra starts."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that `plain_errors` sees the exception itself
    register()
    forget()
    OmegaConf.register_new_resolver("new_run", new_run, use_cache=True, replace=True)
    OmegaConf.register_new_resolver("help_page", help_page, replace=True)
    OmegaConf.register_new_resolver("newest_policy", newest_policy, use_cache=True, replace=True)


def new_run(kind: str, resume: bool) -> str:
    """A new folder for a run, or the newest one of this kind that can go on."""
    if resume:
        found = [folder for folder in sorted(RUNS.glob(f"{kind}-*")) if begun(folder)]
        if not found:
            raise CheckpointError(f"nothing to resume below {RUNS}: start without resume=true")
        return str(found[-1])
    # By chance, since processes in containers have the same numbers.
    return str(RUNS / f"{kind}-{datetime.now():%Y-%m-%d_%H-%M-%S}-{secrets.token_hex(3)}")


def newest_policy() -> str:
    """The newest run's policy, or the agents that ship: those of `python train.py` as it stands."""
    found = sorted(RUNS.glob("train-*/policy.pt"))
    return str(found[-1] if found else SHIPPED)


def start(config: DictConfig) -> tuple[dict[str, Any], Path]:
    """Plain configuration and run folder; the configuration is written into the folder.

    A run that was stopped before it left anything to go on with begins anew, with `resume` or without.

    Raises:
        ConfigError: a value out of its range, a component that does not exist, or a folder that
            holds another run.
        CheckpointError: nothing to resume there, or a run of other settings.
    """
    plain: dict[str, Any] = homes_spelt_out(
        OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    )
    folder = Path(HydraConfig.get().runtime.output_dir)
    if plain.get("checkpoint") != offered() and "checkpoint" in plain:
        raise ConfigError(
            f"the settings of checkpoint={plain['checkpoint']} were not looked up: name it in the "
            "command itself"
        )
    check_setup(plain)
    record = folder / RECORD
    there = begun(folder)
    if there and not record.exists():
        raise ConfigError(
            f"{folder} holds results, but not the {RECORD} of their run: name another run_dir"
        )
    if plain.get("resume") and not record.exists():
        raise CheckpointError(f"{folder} holds no run: start without resume=true")
    if there and plain.get("resume"):
        before = read_record(record)
        refuse_old_keys(before, record)
        refuse_changes(plain, before)
        now, then = (part.get("attacks") or {} for part in (plain, before))
        both = {**now, **{name: keys for name, keys in then.items() if name not in now}}
        kept = {**plain, "attacks": both} if "attacks" in plain else plain
        write_whole(record, yaml.safe_dump(kept, sort_keys=False).encode())
    elif there:
        raise ConfigError(f"{folder} holds a run: go on with resume=true, or name another run_dir")
    else:
        if record.exists():  # a run that left nothing; what it noted of itself is void
            for name in ("run.json", "policy.pt"):
                (folder / name).unlink(missing_ok=True)
        if plain.get("resume"):
            plain["resume"] = False
        # Last and whole: a folder that holds it can go on.
        write_whole(record, yaml.safe_dump(plain, sort_keys=False).encode())
    return plain, folder


def refuse_changes(new: dict[str, Any], old: dict[str, Any], path: str = "") -> None:
    """Raise CheckpointError at the first setting that may not change when a run goes on."""
    free = {
        "resume",
        "run_dir",
        "queries",
        "clips",
        "examples",
        "side_by_side",
        "threads",
        "keep_checkpoints",
        "loggers",
        "cluster",
        "workers",
        "worker_gpus",
        "ray_address",
        "checkpoint",  # an attack that uses it names it among its own keys
        "trust",
    }
    for key in sorted(new.keys() | old.keys()):
        if (not path and key in free) or key in changeable(new):
            continue
        if path == "attacks." and not (key in new and key in old):
            continue  # an attack more, or one less
        now, then = new.get(key), old.get(key)
        if isinstance(now, dict) and isinstance(then, dict):
            refuse_changes(now, then, f"{path}{key}.")
        elif key == "_target_" and then and respelled(then) == now:
            continue  # the same component under the name that it had then
        elif now != then:
            raise CheckpointError(
                f"the run to resume had {path}{key}={then}, now it is {now}: give the same command, or "
                f"{ANEW}"
            )


def changeable(config: dict[str, Any]) -> frozenset[str]:
    """Keys of a component that say how it is asked, not what it answers."""
    target = config.get("_target_")
    keys: frozenset[str] = frozenset()
    return getattr(locate(target), "changeable", keys) if isinstance(target, str) else keys


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """End with one sentence, not a traceback, on what a user can mend."""
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(f"error: {explain(error, (*EXPECTED, OSError))}")
    except OSError as error:
        sys.exit(f"error: {in_words(error)}")
    except EXPECTED as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; it goes on with resume=true")
