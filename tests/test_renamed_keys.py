"""Protects users of keys that have another name by now: wherever they stand, they are refused, and the
message has the name that works."""

import re

import pytest
import yaml

from tests.commands import composed
from video_attack.agents.configs.carried import read_settings
from video_attack.agents.configs.plain_words import explain
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.core.renamed import RENAMED, new_name, refuse_old_keys

ATTACK_OF = {"keep": "astfocus", "keep_most": "astfocus", "least_lr": "nes", "least_levels": "nes",
             "most": "whitebox"}  # fmt: skip


def keys_of(value: object, path: str = "") -> set[str]:
    """Dotted keys of nested mappings."""
    if not isinstance(value, dict):
        return set()
    return {f"{path}{key}" for key in value} | {
        inner for key in value for inner in keys_of(value[key], f"{path}{key}.")
    }


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_key_of_a_command_is_refused_with_the_new_one(old: str) -> None:
    group, _, key = old.rpartition(".")
    command, overrides, written = "train", [], old
    if group == "attack":
        written = f"attacks.{ATTACK_OF[key]}.{key}"
        command, overrides = "evaluate", [f"attack=[{ATTACK_OF[key]}]"]
    elif group == "dataset":
        overrides = ["dataset=ucf101", "dataset.root=x", "dataset.lists=y"]
    known = keys_of(composed(command, *overrides))
    with pytest.raises(Exception) as said:
        composed(command, *overrides, f"{written}=1")
    sentence = explain(said.value)
    now = new_name(written)
    assert now is not None and sentence.endswith(f"write {now}")
    assert known & set(re.findall(r"[\w.]+", now)), "the new name is a key"
    assert written not in known


def test_a_component_that_no_yaml_describes_says_it_too() -> None:
    with pytest.raises(ConfigError, match=r"model\.answers.*write model\.feedback"):
        build("model", {"_target_": "tests.toys.BrightnessVictim", "answers": "label"})


def test_a_key_that_the_caller_gives_is_no_users() -> None:
    with pytest.raises(ConfigError, match=r"dataset\.split.*write dataset\.fold"):
        build("dataset", {"_target_": "tests.toy_dataset.ToyDataset", "split": 2}, split="test")


def test_the_settings_of_an_old_run_are_refused(tmp_path) -> None:
    old = {"env": {"keep": "paying"}, "model": {"_target_": "x"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(old))
    (tmp_path / "policy.pt").touch()
    with pytest.raises(
        ConfigError, match=r"config\.yaml names env\.keep.*env\.acceptance \(paying"
    ):
        read_settings(str(tmp_path))


def test_a_name_of_ours_may_be_a_users_own() -> None:
    refuse_old_keys({"model": {"answers": 3, "feedback": "label"}, "attack": {"keeps": 1}}, "x")
    assert new_name("env.budget") is None and new_name("attacks.nes.lr") is None
