"""Protects whom an evaluation evaluates: every setting of the run's victim and game is carried over, in
whatever spelling the run is named; what the user says wins; a run that is not there stops the command."""

import pytest
import yaml

from tests.commands import a_run, composed
from tests.toys import fresh_policy
from video_attack.agents.configs.carried import literal
from video_attack.agents.core.errors import CheckpointError, ConfigError
from video_attack.envs.game.config import GameConfig

# Each key of these groups differs from what `evaluate.py` composes by itself.
CHANGED = {
    "dataset": {"_target_": "video_attack.envs.datasets.actions.Actions", "seed": 9, "train_clips": 11,
                "validation_clips": 12, "test_clips": 13},
    "model": {"_target_": "video_attack.envs.victims.x3d.X3D", "variant": "m", "weights": "w.pt", "frames": 4,
              "size": 32, "short_side": 40, "stride": 3, "feedback": "topk", "top_k": 2, "head": "h.pt",
              "name": "mine",
              "labels": "${not} \\${one}.txt", "precision": "bf16", "seed": 4},
    "defence": {"_target_": "video_attack.envs.victims.defences.chain.chain", "votes": 3,
                "seed": 8, "steps": [
        {"_target_": "video_attack.envs.victims.defences.jpeg.jpeg", "quality": 31},
        {"_target_": "video_attack.envs.victims.defences.random_resize.random_resize", "smallest": 0.5}]},
    "distortion": {"_target_": "video_attack.envs.distortions.occlusion.occlusion", "severity": 2, "boxes": 7,
                   "fill": "random"},
}  # fmt: skip
GAME = ["bound=l2", "env.budget=77", "env.cleanup=3", "env.grid=4", "env.sizes=[0.25]", "env.windows=[2]",
        "env.acceptance=improving", "env.norm=l1", "env.target=random", "env.reward.query=0.5"]  # fmt: skip


@pytest.fixture
def run(tmp_path):
    return a_run(tmp_path / "runs/実験", *GAME, **CHANGED)


def groups(found):
    """Every config group that training and evaluation share, whatever the code's own list says."""
    train, evaluate = composed("train"), composed("evaluate", "checkpoint=null")
    shared = [key for key in train.keys() & evaluate.keys() if isinstance(train[key], dict)]
    assert {*shared} == {"dataset", "model", "defence", "distortion", "env", "bound"}
    return {key: found[key] for key in shared}


def test_every_setting_of_the_run_is_carried_over(run):
    own = yaml.safe_load((run / "config.yaml").read_text())
    by_itself = groups(composed("evaluate", "checkpoint=null"))
    for group in by_itself:
        assert own[group] != by_itself[group]
    assert groups(composed("evaluate", f'checkpoint="{run}"')) == groups(own)


@pytest.mark.parametrize(
    "form", ['checkpoint="{}"', "checkpoint='{}'", '++checkpoint="{}"', '++checkpoint="{}/policy.pt"',
             'checkpoint="${{oc.env:RUN}}"', "checkpoint=${{oc.env:RUN}}", "newest", "preset"],
)  # fmt: skip
def test_each_spelling_names_the_same_run(run, tmp_path, monkeypatch, form):
    fresh_policy(GameConfig(grid=4, sizes=[0.25])).save(run / "policy.pt")
    monkeypatch.setenv("RUN", str(run))
    monkeypatch.chdir(tmp_path)
    more = [form.format(run)]
    if form == "newest":
        run.rename(run.with_name("train-2000-01-01"))
        more = []
    if form == "preset":
        (tmp_path / "conf/experiment").mkdir(parents=True)
        text = f'# @package _global_\ncheckpoint: "{run}"\n'
        (tmp_path / "conf/experiment/mine.yaml").write_text(text, encoding="utf-8")
        more = [f"hydra.searchpath=[file://{tmp_path}/conf]", "experiment=mine"]
    found = composed("evaluate", *more)
    assert found["model"] == CHANGED["model"] and found["env"]["budget"] == 77
    policy = found["attacks"]["marl"]["policy"]
    assert (policy == found["checkpoint"] and "train-2000" in policy) or str(run) in policy


def test_what_the_user_says_wins(run):
    point = f'checkpoint="{run}"'
    found = composed("evaluate", point, "model.size=48", "defence=none", "env.budget=5")
    assert found["model"] == {**CHANGED["model"], "size": 48}
    assert found["defence"] == {"_target_": None}
    assert (found["env"]["budget"], found["env"]["grid"]) == (5, 4)
    assert composed("evaluate", point, "env=default")["env"]["grid"] == 7
    preset = composed("evaluate", point, "experiment=linf")
    assert preset["distortion"]["_target_"].endswith("texture")
    assert (preset["env"]["grid"], preset["bound"]["kind"]) == (4, "linf")
    assert preset["model"] == CHANGED["model"]


@pytest.mark.parametrize("form", ["checkpoint={}/no", "++checkpoint='{}/no/policy.pt'",
                                  "checkpoint={}/checkpoints", "checkpoint='~/no such run'"])  # fmt: skip
def test_a_run_that_is_not_there_stops_the_command(tmp_path, form):
    run = a_run(tmp_path / "run")
    (run / "checkpoints").mkdir()
    with pytest.raises(CheckpointError, match="name the folder of a run"):
        composed("evaluate", form.format(run))


@pytest.mark.parametrize("text", ["", "[1, 2", "- a", "a: &a [1]\nb: *a", "model: tiny3d", "\x00"])
def test_a_broken_configuration_is_no_configuration(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(CheckpointError, match="is no configuration of a run"):
        composed("evaluate", f"checkpoint={tmp_path}")


def test_a_policy_alone_is_evaluated_on_what_the_command_says(tmp_path, caplog):
    fresh_policy(GameConfig()).save(tmp_path / "policy.pt")
    found = composed("evaluate", f"checkpoint={tmp_path}/policy.pt", "model=tiny3d")
    assert found["model"]["_target_"].endswith("Tiny3D") and "lies beside no" in caplog.text


def test_a_run_of_another_version_is_said_to_be_one(tmp_path):
    game = {**composed("train")["env"], "insists": True}
    run = a_run(tmp_path, env=game)
    with pytest.raises(Exception, match="insists"):
        composed("evaluate", f"checkpoint={run}")


def test_checkpoint_settings_of_one_command_are_forgotten_by_the_next(run):
    composed("evaluate", f'checkpoint="{run}"')
    assert composed("evaluate", "checkpoint=null")["model"]["_target_"].endswith("Tiny3D")


def test_literal_texts_are_kept_as_they_are():
    assert literal({"a": ["${x}", 1, None]}) == {"a": ["\\${x}", 1, None]}


def test_a_checkpoint_that_was_not_looked_up_is_refused(run, tmp_path, monkeypatch):
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    from video_attack.agents.configs.command_line import start

    plain = composed("evaluate", "checkpoint=null")
    state = OmegaConf.create({"runtime": {"output_dir": str(tmp_path / "out")}})
    monkeypatch.setattr(HydraConfig, "get", lambda: state)
    with pytest.raises(ConfigError, match="were not looked up"):
        start(OmegaConf.create({**plain, "checkpoint": str(run)}))
