"""Protects presets: each key that one sets, at every level, is what the command composes; every one that
ships, and every choice of every group, is complete; `--help` says which there are and what keys mean."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import ROOT, composed
from video_attack.agents.configs.command_line import prepare
from video_attack.agents.configs.help_page import FRAGMENTS, fits, groups_of, help_page
from video_attack.agents.core.build import accepted, locate
from video_attack.agents.setup.attack_setup import build_game, check_setup

CONF = ROOT / "conf"
COMMANDS = {
    "train": [],
    "evaluate": ["checkpoint=null"],
    "finetune": ["dataset=actions", "model=i3d"],
}
PRESETS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
MINE = """# @package _global_
defaults:
  - override /model: x3d
  - override /dataset: folder
  - override /defence: jpeg
  - override /distortion: occlusion
seed: 7
clips: 99
run_dir: mine
dataset: {root: there, cache_mb: 3}
model: {weights: null, size: 40, feedback: topk}
defence: {quality: 11}
distortion: {severity: 2, boxes: 9}
env: {budget: 12, reward: {query: 0.5}}
"""
MORE = {
    "train": "queries: 98\nkeep_checkpoints: 5\nalgo: {lr: 0.5}\ncluster: {runners: 3}\n"
    "validation: {every: 4}\n",
    "evaluate": "checkpoint: null\nfile_check: false\nbound: {eps: 4}\ncodec_in_loop: 'h264:9'\n"
                "attacks: {marl: {greedy: true}}\n",
}  # fmt: skip


FINETUNE = """# @package _global_
defaults:
  - override /model: r3d
  - override /dataset: folder
seed: 7
layers: all
epochs: 3
lr: 0.5
classes: [a, b]
dataset: {root: there, cache_mb: 3, cut: {stride: 4}}
model: {weights: null, size: 40, name: mine}
"""


def differences(wanted: Any, found: Any, path: str = "") -> list[str]:
    """Where a nested mapping does not hold what another one says."""
    if not isinstance(wanted, dict):
        return [] if wanted == found else [f"{path[1:]}: {wanted} became {found}"]
    return [
        fault
        for key, value in wanted.items()
        for fault in differences(value, (found or {}).get(key), f"{path}.{key}")
    ]


@pytest.mark.parametrize("command", MORE)
def test_every_key_of_a_preset_holds_on_every_level(tmp_path: Path, command: str) -> None:
    (tmp_path / "experiment").mkdir()
    text = MINE.replace("run_dir: mine\n", "") + MORE[command]  # which the test itself names
    (tmp_path / "experiment/mine.yaml").write_text(text)
    given = [f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine", *COMMANDS[command]]
    found, wanted = composed(command, *given), yaml.safe_load(text)
    assert differences({k: v for k, v in wanted.items() if k != "defaults"}, found) == []
    for entry in wanted["defaults"]:
        ((group, choice),) = ((key.removeprefix("override /"), v) for key, v in entry.items())
        own = yaml.safe_load((CONF / group / f"{choice}.yaml").read_text())["_target_"]
        assert found[group]["_target_"] == own
    assert composed(command, *given, "seed=8", "env.budget=13")["seed"] == 8


def test_every_key_of_a_preset_holds_in_a_fine_tuning_too(tmp_path: Path) -> None:
    """In which data set and model have no default."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(FINETUNE)
    given = [f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine"]
    found, wanted = composed("finetune", *given), yaml.safe_load(FINETUNE)
    assert differences({k: v for k, v in wanted.items() if k != "defaults"}, found) == []
    assert found["model"]["net"] == "r3d_18" and "folder" in found["dataset"]["_target_"]
    assert composed("finetune", *given, "model.size=41")["model"]["size"] == 41


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_every_shipped_preset_sets_what_it_says(command: str, name: str) -> None:
    if not fits(command, name):
        pytest.skip(f"{name} is no preset of {command}")
    text = yaml.safe_load((CONF / f"experiment/{name}.yaml").read_text())
    found = composed(command, f"experiment={name}", *COMMANDS[command])
    assert differences({k: v for k, v in text.items() if k != "defaults"}, found) == []
    build_game(found["env"])
    for entry in text.get("defaults", []):
        if isinstance(entry, dict):
            ((group, choice),) = entry.items()
            group = group.removeprefix("override /")
            own = yaml.safe_load((CONF / group / f"{choice}.yaml").read_text())
            assert differences(own, found[group]) == []


# What the first line of each preset, and of the docs on it, promises; values are the ends of a name.
MEANT = {
    "linf": {"distortion._target_": ".texture", "bound.kind": "linf"},
    "free": {"distortion._target_": ".texture", "bound.kind": "none"},
    "smoke": {"clips": 2, "env.budget": 8},
    "smoke_train": {"clips": 2, "env.budget": 8, "queries": 200, "algo.epochs": 1},
}


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_every_shipped_preset_is_what_it_is_for(command: str, name: str) -> None:
    """A choice that composes may still be another one than the preset's name means."""
    if not fits(command, name):
        pytest.skip(f"{name} is no preset of {command}")
    found = composed(command, f"experiment={name}", *COMMANDS[command])
    check_setup(found)
    for key, meant in MEANT[name].items():
        value: Any = found
        for part in key.split("."):
            value = value[part]
        assert str(value).endswith(str(meant)), f"{key}={value}"


def test_the_cluster_presets_are_what_they_are_for() -> None:
    local, ray = (composed("train", f"cluster={name}")["cluster"] for name in ("local", "ray"))
    assert (local["address"], local["runners"], local["victim"]) == ("local", 0, "inline")
    assert (ray["address"], ray["runners"], ray["victim"]) == ("auto", 2, "actor")
    assert {key for key in local if local[key] != ray[key]} == {"address", "runners", "victim"}


def test_each_preset_is_one_of_some_command() -> None:
    assert all(any(fits(command, name) for command in COMMANDS) for name in PRESETS)
    assert fits("train", "smoke_train") and not fits("evaluate", "smoke_train")
    assert fits("evaluate", "smoke") and fits("train", "users_own")


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_every_choice_of_the_other_groups_composes_and_names_what_there_is(command: str) -> None:
    """tests/test_config.py does so for data sets, models, distortions and games."""
    for group in groups_of(command):
        if group in ("experiment", "dataset", "model", "distortion", "env"):
            continue
        for path in sorted((CONF / group).glob("*.yaml")):
            found = composed(command, *COMMANDS[command], f"{group}={path.stem}")
            lists = {"attack": "attacks", "logger": "loggers"}
            part = found[lists[group]][path.stem] if group in lists else found[group]
            if part.get("_target_"):
                names = accepted(locate(part["_target_"]))
                own = set(part) - {"_target_", "severity", "feedback", "top_k", "votes", "seed"}
                assert names is None or own <= set(names), f"{path}: {own - set(names)}"


def test_no_fragment_is_a_choice() -> None:
    groups = {group for command in COMMANDS for group in groups_of(command)}
    there = {path.name for path in CONF.iterdir() if path.is_dir()}
    assert there - groups == {"base", "hydra"} and {"base", "hydra"} <= set(FRAGMENTS)
    assert {path.stem for path in CONF.glob("*.yaml")} == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_the_commands_groups_and_what_each_key_means(command: str) -> None:
    prepare()
    page = help_page(command)
    found = set(re.findall(r"^  (\w+) +\w", page.partition("Keys of the command")[0], re.M))
    none = {"experiment"} if not any(fits(command, name) for name in PRESETS) else set()
    assert found == set(groups_of(command)) - none
    assert ("algo" in found) == (command == "train") and ("attack" in found) == (
        command == "evaluate"
    )
    own = yaml.safe_load((CONF / f"{command}.yaml").read_text())
    for key in own.keys() - {"defaults", "hydra"}:
        assert re.search(rf"^  {key}:.*(#|$)", page, re.M)
    for line in page.splitlines():
        if re.match(r" +\w+: \S", line):
            assert "  # " in line, f"no word on {line}"
    assert ("smoke_train" in page) == (command == "train")
