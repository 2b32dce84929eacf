"""Protects users of the classes in Python: without an argument, each does what its yaml says."""

import inspect
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from video_attack.agents.attacks.gradient.astfocus_agents import Ppo
from video_attack.agents.core.build import locate, makers
from video_attack.envs.victims.network import NetVictim

CONF = Path(__file__).parents[1] / "conf"
# What Python does not give by itself: what a user must name, downloads, and what belongs to the group.
NAMED = {
    "model": {"weights", "url", "function", "path", "net"},  # a class alone downloads nothing
    "dataset": {"root", "lists"},
    "distortion": {"severity"},  # the caller's, for each call
    "defence": {"votes", "seed", "steps"},  # of the victim behind it; a chain of nothing is none
    "attack": {"policy", "surrogate", "act", "method", "keys"},
}
FILES = [
    path
    for path in sorted(CONF.glob("*/*.yaml"))
    if path.parent.name != "base" and (yaml.safe_load(path.read_text()) or {}).get("_target_")
]


def shown(path: Path) -> dict[str, Any]:
    """The keys of a yaml, with those of the fragments in conf/base that it takes."""
    found: dict[str, Any] = {}
    raw = yaml.safe_load(path.read_text())
    for entry in raw.pop("defaults", []):
        if isinstance(entry, str) and "/base/" in entry:
            found |= shown(CONF / f"{entry.split('@')[0].strip('/')}.yaml")
    return found | raw


def defaults(target: Any) -> dict[str, Any]:
    """Defaults of a function, or of a class and its bases."""
    return {
        name: parameter.default
        for maker in reversed(makers(target))
        for name, parameter in inspect.signature(maker).parameters.items()
        if parameter.default is not parameter.empty
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_a_class_alone_does_what_its_yaml_says(path: Path, monkeypatch) -> None:
    keys = shown(path)
    target = locate(keys.pop("_target_"))
    given = defaults(target)
    if inspect.isclass(target) and issubclass(target, NetVictim) and target is not NetVictim:
        # What its constructor hands to the base class: some of it depends on the net.
        takes, seen = defaults(NetVictim), {}
        monkeypatch.setattr(NetVictim, "__init__", lambda _, **options: seen.update(options))
        target(**{key: keys[key] for key in ("net",) if key in keys})
        given = given | takes | seen
    if "ppo" in keys:
        given["ppo"] = asdict(Ppo())
    wrong = {
        key: (given.get(key, "none"), value)
        for key, value in keys.items()
        if key not in NAMED.get(path.parent.name, ())
        and plain(given.get(key, ...)) != plain(value)
        and not (
            value is None and key in given
        )  # null: what fits the rest, worked out in the class
    }
    assert not wrong, f"default in Python, value in {path.name}: {wrong}"


def plain(value: Any) -> Any:
    """Lists for tuples, and None for nothing in a mapping."""
    if isinstance(value, tuple):
        return list(value)
    return value if value != {} else None
