"""Protects whoever tries a stranger's run folder: nothing that it names is run, imported, unpickled or
interpolated without trust=true, and its records name no files outside of it."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tests.commands import ROOT, a_run, composed
from tests.report_runs import make_run, record
from tests.toys import brighten, fresh_policy
from video_attack.agents.attacks.base import ThreatModel
from video_attack.agents.attacks.play.marl import Marl
from video_attack.agents.audit import transfer, verify
from video_attack.agents.core.errors import CheckpointError, PolicyError
from video_attack.agents.core.plain_state import with_arrays, with_tensors
from video_attack.agents.core.trust import TrustError, dotted, inside, vet
from video_attack.agents.policy.acting import Policy
from video_attack.agents.report.html.page import write_report
from video_attack.agents.report.run_files import read_clip
from video_attack.envs.distortions.gaussian_noise import gaussian_noise
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.weights import load_state

VICTIMS = "video_attack.envs.victims"
POPEN = {"_target_": "subprocess.Popen", "args": ["touch", "HIT"]}
MODEL = {"name": None, "feedback": "scores", "top_k": 5}
FUNCTION = {
    "_target_": "video_attack.envs.victims.function.Function",
    "function": "os.system",
    **MODEL,
}
CHAIN = {
    "_target_": "video_attack.envs.victims.defences.chain.chain",
    "votes": 1,
    "seed": 0,
    "steps": [POPEN],
}
JPEG = {
    "_target_": "video_attack.envs.victims.defences.jpeg.jpeg",
    "quality": 75,
    "votes": 1,
    "seed": 0,
}


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"distortion": {**POPEN, "severity": 5}}, "subprocess.Popen"),  # a group given whole
        ({"defence": {**POPEN, "votes": 1, "seed": 0}}, "subprocess.Popen"),
        ({"defence": CHAIN}, "subprocess.Popen"),  # nested
        ({"defence": {**JPEG, "quality": {"deep": [POPEN]}}}, "subprocess.Popen"),
        ({"dataset": {"_target_": "os.system", "command": "touch HIT"}}, "os.system"),
        ({"model": {"_target_": "strangers.Net", **MODEL}}, "strangers.Net"),
        ({"model": FUNCTION}, "calls the function that model.function names"),
        ({"model": {"_target_": f"{VICTIMS}.torchscript.TorchScript", "path": "x", **MODEL}}, "code"),
        ({"model": {"_target_": f"{VICTIMS}.exported.Exported", "path": "x", **MODEL}}, "unpickles"),
        ({"model": {"_target_": f"{VICTIMS}.endpoint.Endpoint", "url": "http://evil.example", "classes": 3,
                    "token_env": "SECRET", **MODEL}}, "secret"),
        # Of this project, but no choice of that group.
        ({"distortion": {"_target_": f"{VICTIMS}.weights.load_state", "severity": 5}}, "load_state"),
        ({"defence": {**JPEG, "_target_": "video_attack.agents.core.files.write_whole"}}, "write_whole"),
        ({"model": {"_target_": ["subprocess.Popen"], **MODEL}}, "subprocess.Popen"),
        ({"distortion": {"_target_": {"_target_": "os.system"}, "severity": 5}}, "os.system"),
    ],
)  # fmt: skip
def test_no_component_of_a_strangers_folder_is_taken_without_trust(tmp_path, groups, words) -> None:
    run = a_run(tmp_path / "run", **groups)
    with pytest.raises(TrustError, match=f"{words}.*trust=true"):
        composed("evaluate", f"checkpoint={run}")
    found = composed("evaluate", f"checkpoint={run}", "trust=true")
    assert {group: found[group] for group in groups} == groups
    (group,) = groups  # chosen by the user, nothing of it is taken
    own = {"model": "tiny3d", "dataset": "actions", "distortion": "jpeg", "defence": "none"}[group]
    assert composed("evaluate", f"checkpoint={run}", f"{group}={own}")[group] != groups[group]


def test_what_the_user_names_is_taken(tmp_path) -> None:
    theirs = {"_target_": "tests.toys.brighten", "severity": 2}
    run = a_run(tmp_path / "run", distortion=theirs)
    with pytest.raises(TrustError, match=r"tests\.toys\.brighten"):
        composed("evaluate", f"checkpoint={run}")
    for named in (
        f"hydra.searchpath=[file://{ROOT}/tests/conf]",
        "distortion._target_=tests.toys.brighten",
    ):
        assert composed("evaluate", f"checkpoint={run}", named)["distortion"] == theirs


def test_naming_a_component_does_not_let_its_values_run_anything(tmp_path) -> None:
    run = a_run(tmp_path / "run", model=FUNCTION)
    with pytest.raises(TrustError, match=r"model\.function"):
        composed("evaluate", f"checkpoint={run}", f"model._target_={FUNCTION['_target_']}")


@pytest.mark.parametrize(
    "text",
    ["${oc.env:SECRET}", "\\${oc.env:SECRET}", "\\\\${oc.env:SECRET}", "${seed}", "a${new_run:x,false}"],
)  # fmt: skip
def test_no_interpolation_of_a_folder_is_resolved(tmp_path, monkeypatch, text) -> None:
    monkeypatch.setenv("SECRET", "hush")
    model = {"_target_": "video_attack.envs.victims.tiny3d.Tiny3D", "weights": text, **MODEL}
    run = a_run(tmp_path / "run", model=model)
    for trust in ("trust=false", "trust=true"):
        assert composed("evaluate", f"checkpoint={run}", trust)["model"]["weights"] == text


def test_nothing_but_the_groups_is_taken_and_none_speaks_to_hydra(tmp_path) -> None:
    deep = {"_target_": "video_attack.envs.victims.tiny3d.Tiny3D", **MODEL,
            "defaults": [{"override /hydra/launcher": "none"}, "/dataset/kinetics"]}  # fmt: skip
    run = a_run(
        tmp_path / "run", model=deep, hydra={"launcher": {**POPEN, "args": []}},
        attack={"_target_": "os.system"}, attacks={"mine": {**FUNCTION}}, run_dir="elsewhere",
        lpips="elsewhere", trust=True,
        defaults=[{"override /model": "i3d"}], seed=99, codec_in_loop="${oc.env:HOME}",
    )  # fmt: skip
    found = composed("evaluate", f"checkpoint={run}")
    assert found["model"] == deep  # plain data, refused as an argument when it is built
    bare = composed("evaluate", "checkpoint=null")
    for key in ("attack", "lpips", "trust", "seed", "codec_in_loop", "run_dir"):
        assert found[key] == bare[key]
    assert list(found["attacks"]) == ["marl"] and found.keys() == bare.keys()


@pytest.mark.parametrize(
    "value", ["!!python/object/apply:os.system [touch HIT]", "!!python/name:os.system"]
)
def test_yaml_builds_no_objects(tmp_path, value) -> None:
    (tmp_path / "config.yaml").write_text(f"model: {value}\n")
    with pytest.raises(CheckpointError, match="is no configuration"):
        composed("evaluate", f"checkpoint={tmp_path}")


def test_only_plain_values_are_taken() -> None:
    with pytest.raises(TrustError, match=r"model\.weights is a date"):
        vet("model", yaml.safe_load("weights: 2020-01-01"), "config.yaml")


def test_the_whole_command_runs_nothing(tmp_path) -> None:
    run = a_run(tmp_path / "run", distortion={**POPEN, "severity": 5, "bufsize": "${oc.env:HOME}"})
    for command in ([ROOT / "evaluate.py", f"checkpoint={run}", "attack=random"],
                    ["-m", "video_attack.agents.verify", run]):  # fmt: skip
        done = subprocess.run(
            [sys.executable, *map(str, command)], cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode != 0 and "Traceback" not in done.stderr
        assert not (tmp_path / "HIT").exists()


class Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_no_pickle_stands_in_for_a_policy_or_a_checkpoint(tmp_path) -> None:
    hit = tmp_path / "HIT"
    file = tmp_path / "policy.pt"
    for content in (pickle.dumps(Touch(hit)), None):
        if content is None:
            torch.save({"format": 3, "actors": Touch(hit)}, file)
        else:
            file.write_bytes(content)
        with pytest.raises(PolicyError, match="no usable policy"):
            Policy.load(tmp_path)
        with pytest.raises(VictimError):  # as RLlib's state is read when a run goes on
            load_state(file)
    assert not hit.exists()


def test_rllibs_state_is_the_same_again_as_plain_values(tmp_path) -> None:
    state = {
        "a": [np.float64(1.5), None, "x"],
        0: (np.arange(3), {"b": np.array(2.5)}),
        "c": np.int64(4),
    }
    torch.save(with_tensors(state), tmp_path / "state.pt")
    again = with_arrays(torch.load(tmp_path / "state.pt", weights_only=True))
    assert again["a"] == [1.5, None, "x"] and again["c"] == 4
    assert np.array_equal(again[0][0], np.arange(3)) and again[0][1]["b"].shape == ()
    with pytest.raises(TypeError, match=r"state\.a\.1 is a Touch"):
        with_tensors({"a": [1, Touch(tmp_path)]})


@pytest.mark.parametrize("target", ["subprocess.Popen", "tests.toys.brighten"])
def test_a_policys_own_distortion_is_looked_at(tmp_path, target) -> None:
    game, linf = GameConfig(grid=4, sizes=[0.25]), BoundConfig("linf", eps=10)
    distortion = {"_target_": target, "severity": 5}
    rules = {"game": game, "distort": gaussian_noise, "severity": 5, "classes": 3, "frames": 8}
    fresh_policy(game, distortion=distortion).save(tmp_path / "policy.pt")
    assert Marl(ThreatModel(**rules), tmp_path).game.grid == 4  # it is not used there
    fresh_policy(game, brighten, linf, distortion).save(tmp_path / "policy.pt")
    with pytest.raises(TrustError, match=target):
        Marl(ThreatModel(**rules, bound=linf), tmp_path)
    if target == dotted(brighten):
        assert Marl(ThreatModel(**rules, bound=linf, trust=True), tmp_path).game.grid == 4
        same = {**rules, "distort": brighten}  # what the command itself names
        assert Marl(ThreatModel(**same, bound=linf), tmp_path).game.grid == 4


@pytest.mark.parametrize(
    ("group", "values"),
    [("model", {"_target_": "tests.toys.BrightnessVictim", **MODEL}), ("model", FUNCTION),
     ("defence", CHAIN), ("defence", {"_target_": "os.system", "votes": 1, "seed": 0})],
)  # fmt: skip
def test_verification_builds_nothing_of_a_stranger(tmp_path, group, values) -> None:
    tiny = {"_target_": "video_attack.envs.victims.tiny3d.Tiny3D", **MODEL}
    config = {"model": tiny, "defence": {"_target_": None}, group: values}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(SystemExit, match="trust=true"):
        verify.main([str(tmp_path)])


OUTSIDE = ["../secret.mkv", "/etc/passwd", "link/secret.mkv", "http://evil.example/x.mkv",
           "clips/../../secret.mkv"]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_records_name_no_file_outside_of_their_folder(tmp_path, name) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "secret.mkv").touch()
    (folder / "link").symlink_to(tmp_path)
    if "://" in name:
        assert inside(folder, name).is_relative_to(folder)
        return
    with pytest.raises(TrustError, match="lies outside"):
        inside(folder, name)
    with pytest.raises(TrustError):
        read_clip(folder, name)
    line = {
        "attack": "a",
        "id": "0",
        "class": "dark",
        "attacked": True,
        "success": True,
        "clean_file": name,
        "clip_file": name,
    }
    (folder / "records.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(TrustError, match="lies outside"):
        transfer.main([str(folder), f"hydra.searchpath=[file://{ROOT}/tests/conf]", "model=toy"])


def test_a_clip_that_is_a_playlist_opens_nothing(tmp_path) -> None:
    (tmp_path / "clip.mkv").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    with pytest.raises((OSError, ValueError)):
        read_clip(tmp_path, "clip.mkv")


HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "$\\frac{", "_&amp;' %s {0}",
           "</style><svg/onload=alert(1)>", "a\nb\x00é数"]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_files_are_text_in_the_report(tmp_path, name) -> None:
    made = [record("alpha", n, True, 10) for n in range(3)] + [record("beta", 0, False)]
    folder = make_run(tmp_path / "run", made)
    for line in made:
        line |= {"attack": name if line["attack"] == "alpha" else "beta", "class": name}
        line["id"] = name + line["id"]
    (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in made))
    config = {
        **yaml.safe_load((folder / "config.yaml").read_text()),
        "attacks": {name: {}, "beta": {}},
    }
    config["model"]["_target_"] = f"my.{name}"
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "run.json").write_text(json.dumps({name: {name: name}, "classes": [name] * 3}))
    page = write_report(folder).read_text()
    for tag in ("<script", "<img src=x", "<svg/onload", "</style><svg"):
        assert tag not in page
    assert {file.name for file in tmp_path.iterdir()} == {"run"}
