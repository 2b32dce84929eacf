"""Keys of the configuration that have another name by now; each is refused with the new one."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from video_attack.agents.core.errors import ConfigError

# By what was written, with `attack` for any attack. A value that changed too stands behind its key.
RENAMED = {
    "keep": "keep_checkpoints",
    "algo.clip": "algo.clip_range",
    "algo.entropy": "algo.ent_coef",
    "algo.lam": "algo.gae_lambda",
    "algo.value_loss": "algo.vf_coef",
    "attack.keep": "attack.kept_share",
    "attack.keep_most": "attack.keep_max",
    "attack.least_levels": "attack.min_levels",
    "attack.least_lr": "attack.min_lr",
    "attack.most": "attack.max_probes (hopskipjump) or attack.max_pixels (whitebox)",
    "dataset.split": "dataset.fold",
    "env.draws": "env.variants",
    "env.keep": "env.acceptance (paying is improving)",
    "model.answers": "model.feedback",
}


def new_name(key: str) -> str | None:
    """What a key is called now, for a message; None where it was never one of ours.

    Args:
        key: dotted, such as `env.keep` or `attacks.nes.least_lr`.
    """
    found = re.fullmatch(r"(attacks\.[^.]+|attack)\.(.+)", key)
    if not found:
        return RENAMED.get(key)
    now = RENAMED.get(f"attack.{found[2]}")
    return now and re.sub(r"\battack\b", found[1], now)


def told(key: str) -> str:
    """The end of a sentence that refuses a key: what to write in its place; empty where nothing is known."""
    now = new_name(key)
    return f"; it has another name by now: write {now}" if now else ""


def refuse_old_keys(values: Mapping[str, Any], source: object) -> None:
    """Raise ConfigError at the first key of a run's configuration that has another name by now.

    Args:
        values: the configuration, plain.
        source: where it stands, for the message.
    """
    for key in _keys(values):
        now = new_name(key)
        if now and not _has(values, now.split(" ")[0]):  # a user's component may own the old name
            raise ConfigError(
                f"{source} names {key}, which has another name by now: write {now} there"
            )


def _keys(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{path}{key}"
        if isinstance(value, Mapping):
            yield from _keys(value, f"{path}{key}.")


def _has(values: Any, key: str) -> bool:
    for name in key.split("."):
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True
