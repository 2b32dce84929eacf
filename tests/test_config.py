"""Protects what users type: overrides are typed and checked, errors are one sentence that names
the key and what is allowed, and shipped configuration is complete and commented."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from tests.toys import BrightnessVictim
from video_attack.agents.configs import command_line as config
from video_attack.agents.configs.help_page import fits
from video_attack.agents.core.build import accepted, build, build_distort, locate
from video_attack.agents.core.errors import CheckpointError, ConfigError
from video_attack.agents.setup.attack_setup import build_bound, build_game
from video_attack.envs.game.moves import Moves
from video_attack.envs.game.palette import Palette

ROOT = Path(__file__).parents[1]
LPIPS = ("lpips", "lpips_linear")
YAMLS = sorted((ROOT / "conf").rglob("*.yaml"))


def run(script: str, *overrides: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / script), *overrides],
        capture_output=True, text=True, cwd=cwd, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("path", YAMLS, ids=lambda p: str(p.relative_to(ROOT / "conf")))
def test_every_key_has_a_comment(path: Path) -> None:
    block = False
    for line in path.read_text().splitlines():
        if line.rstrip() in ("defaults:", "hydra:"):
            block = True  # Hydra's own keys
        elif line and not line.startswith((" ", "#")):
            block = False
        if not block and ":" in line and not line.lstrip().startswith("#"):
            assert "#" in line or line.rstrip().endswith(":"), f"{path.name}: {line}"


@pytest.fixture
def composed():
    config.prepare()
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        yield compose


@pytest.mark.parametrize("name", ["train", "evaluate"])
@pytest.mark.parametrize(
    "path", [p for p in YAMLS if p.parent.name in ("dataset", "model", "distortion", "env")],
    ids=lambda p: f"{p.parent.name}={p.stem}",
)  # fmt: skip
def test_every_choice_composes_and_its_target_takes_its_keys(composed, name, path) -> None:
    group = path.parent.name
    found = composed(name, overrides=[f"{group}={path.stem}", "checkpoint=x"] if name == "evaluate"
                     else [f"{group}={path.stem}"])[group]  # fmt: skip
    if "_target_" in found:
        takes = accepted(locate(found["_target_"]))
        assert takes is not None
        own = set(found) - {"_target_", "severity", "feedback", "top_k", "name"}
        assert own <= set(takes), f"{path} names {own - set(takes)}"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("env.bugdet=3", ["env.bugdet", "budget", "allowed"]),
        ("algo.lrr=3", ["algo.lrr", "lr"]),
        ("model.wieghts=x", ["model.wieghts", "weights"]),
        ("sede=1", ["sede", "seed"]),
        ("model=resnet", ["resnet", "tiny3d"]),
        ("env.budget=many", ["budget", "many"]),
        ("env.budget=0", ["env.budget=0", "at least 1"]),
        ("env.cleanup=some", ["env.cleanup=some", "write a number of queries from 0, or all"]),
        ("env.norm=l3", ["env.norm", "l2", "linf"]),
        ("env.grid=200", ["grid=200"]),
        ("env.target=99", ["env.target=99", "0 to 11"]),
        ("distortion.severity=9", ["severity"]),
        ("model.precision=fp16", ["model", "bf16"]),
        ("model.feedback=logits", ["model.feedback", "topk"]),
        ("model=torchscript", ["model.path has no value", "model.path=..."]),
        ("model.top_k=0", ["model.top_k=0", "at least 1"]),
        ("algo.minibatch=9999", ["algo.minibatch=9999", "algo.batch"]),
        ("side_by_side=0", ["side_by_side=0", "at least 1"]),
        ("cluster.victim=acter", ["acter", "inline", "actor"]),
        ("resume=true", ["resume"]),
        ("distortion._target_=no.such.filter", ["no.such.filter", "import"]),
    ],
)
def test_a_wrong_override_ends_with_one_sentence(
    override: str, words: list[str], tmp_path, monkeypatch
) -> None:
    """In this process, where the libraries are loaded already."""
    quiet = ["hydra/job_logging=none", "hydra/hydra_logging=none"]
    arguments = ["train.py", override, f"run_dir={tmp_path}/run", *quiet]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
    GlobalHydra.instance().clear()
    said = str(stop.value)
    assert said.startswith("error: ") and "\n" not in said
    for word in words:
        assert word in said


def test_a_fault_shows_no_traceback(tmp_path) -> None:
    result = run("train.py", "env.bugdet=3", f"run_dir={tmp_path}/run")
    assert result.returncode != 0
    assert result.stderr.strip().splitlines()[-1].startswith("error: unknown key 'env.bugdet'")
    assert "Traceback" not in result.stderr


def test_a_component_refuses_arguments_it_does_not_take() -> None:
    with pytest.raises(ConfigError, match=r"model\.depth: .* allowed: frames, size"):
        build("model", {"_target_": "tests.toys.BrightnessVictim", "depth": 3})


class Narrow(BrightnessVictim):
    def __init__(self, *, width: int, **common) -> None:
        super().__init__(**common)


def test_arguments_passed_on_to_a_base_class_are_known() -> None:
    assert accepted(Narrow) == ["width", "frames", "size"]
    with pytest.raises(ConfigError, match=r"model\.depth: .* allowed: width, frames, size"):
        build("model", {"_target_": "tests.test_config.Narrow", "width": 3, "depth": 3})


def test_a_function_is_bound_not_called() -> None:
    bound = build("distortion", {"_target_": "tests.toys.brighten"})
    assert bound.func.__name__ == "brighten"


def test_game_rules_name_the_key() -> None:
    rules = yaml.safe_load((ROOT / "conf/env/default.yaml").read_text())
    assert build_game(rules).budget == rules["budget"]
    with pytest.raises(ConfigError, match=r"env\.sizes"):
        build_game({**rules, "sizes": [9.0]})


PRESETS = sorted(path.stem for path in (ROOT / "conf/experiment").glob("*.yaml"))
BOUND_OF = {"linf": "linf", "free": "none"}


@pytest.mark.parametrize(
    ("name", "preset"),
    [(name, preset) for name in ("train", "evaluate") for preset in PRESETS if fits(name, preset)],
)
def test_every_preset_composes_and_builds(composed, name, preset) -> None:
    found = composed(
        name, overrides=[f"experiment={preset}"] + ["checkpoint=x"] * (name != "train")
    )
    game = build_game(OmegaConf.to_container(found.env))
    bound = build_bound(OmegaConf.to_container(found.bound))
    distort = build_distort(OmegaConf.to_container(found.distortion))
    assert Moves(game, Palette(distort, bound, game), 16).spaces
    if preset in BOUND_OF:
        assert bound.kind == BOUND_OF[preset]
        assert found.distortion._target_.endswith(".texture")


@pytest.mark.parametrize("group", ["algo", "cluster", "bound"])
def test_every_choice_of_training_composes(composed, group) -> None:
    for path in (ROOT / "conf" / group).glob("*.yaml"):
        assert composed("train", overrides=[f"{group}={path.stem}"])[group]


def test_a_cluster_differs_from_one_machine_in_what_makes_it_one(composed) -> None:
    """A value that is valid and wrong shows nowhere else before a cluster is there."""
    local, ray = (
        composed("train", overrides=[f"cluster={name}"]).cluster for name in ("local", "ray")
    )
    assert (local.address, local.runners, local.victim) == ("local", 0, "inline")
    assert (ray.address, ray.runners, ray.victim) == ("auto", 2, "actor")
    assert {key for key in local if local[key] != ray[key]} == {"address", "runners", "victim"}


def test_resume_refuses_other_settings() -> None:
    old = {"algo": {"lr": 1.0}, "queries": 5, "cluster": {"runners": 0}}
    config.refuse_changes({"algo": {"lr": 1.0}, "queries": 9, "cluster": {"runners": 2}}, old)
    with pytest.raises(CheckpointError, match=r"algo\.lr=1\.0, now it is 2\.0"):
        config.refuse_changes({"algo": {"lr": 2.0}, "queries": 5}, old)


def test_lpips_is_off_unless_named(composed) -> None:
    assert [composed("evaluate", overrides=["checkpoint=x"])[key] for key in LPIPS] == [None, None]
    named = composed("evaluate", overrides=["checkpoint=x", "lpips=a.pth", "lpips_linear=b.pth"])
    assert [named[key] for key in LPIPS] == ["a.pth", "b.pth"]


def test_attacks_may_be_added_to_a_run_but_not_changed() -> None:
    old = {"attacks": {"square": {"p_init": 0.8}}, "checkpoint": None}
    more = {"attacks": {"square": {"p_init": 0.8}, "marl": {"policy": "p.pt"}}, "checkpoint": "p"}
    config.refuse_changes(more, old)
    with pytest.raises(CheckpointError, match=r"attacks\.square\.p_init=0\.8, now it is 0\.1"):
        config.refuse_changes({"attacks": {"square": {"p_init": 0.1}}}, old)
    with pytest.raises(CheckpointError, match="policy"):
        config.refuse_changes({"attacks": {"marl": {"policy": "q.pt"}}}, more)


class Counted:
    """A component with whole numbers, as it stands and as text."""

    def __init__(self, clips: int, seed: "int | None" = None, share: float = 0.0, **rest: object):
        self.found = {"clips": clips, "seed": seed, "share": share, **rest}


def test_a_component_s_whole_numbers_may_be_written_short():
    keys = {"clips": 1e3, "seed": 2e0, "share": 1.0, "free": 3.0}
    found = build("dataset", {"_target_": f"{__name__}.Counted", **keys}).found
    assert found == {"clips": 1000, "seed": 2, "share": 1.0, "free": 3.0}
    assert [type(value) for value in found.values()] == [int, int, float, float]
    assert build("dataset", {"_target_": f"{__name__}.Counted", "clips": 1.5}).found["clips"] == 1.5
