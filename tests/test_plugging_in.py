"""Protects the pages that strangers follow: their code and commands for own components run as printed."""

import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from video_attack.agents.policy import acting
from video_attack.envs.datasets.actions import Actions
from video_attack.envs.victims.tiny3d import Tiny3D

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^    (PYTHONPATH=examples/plugins (?:.*\\\n)*.*)", re.MULTILINE)
PAGES = [ROOT / "docs" / page for page in ("plugging_in.md", "distortions.md")]
COMMANDS = [found for page in PAGES for found in COMMAND.findall(page.read_text())]


class Net(torch.nn.Module):
    """A reader's own network."""

    def __init__(self, classes):
        super().__init__()
        self.fc = torch.nn.Linear(3, classes)

    def forward(self, clips):
        return self.fc(clips.mean((2, 3, 4)))


@pytest.mark.slow
def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = types.ModuleType("my_package")
    mine.Net = Net  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_package", mine)
    victim = Tiny3D(device="cpu")
    names = {
        "my_victim": victim,
        "my_clips": Actions(split="test", sampling=victim.sampling, classes=victim.classes),
        "my_distortion": lambda clip, severity, rng: clip // 2,
        "run": Path(acting.__file__).parent / "shipped",
    }
    for block in BLOCK.findall(PAGES[0].read_text()):
        if "Policy" in block:
            names["observations"] = names["make"]().reset(seed=0)[0]
        exec(block, names)
    assert torch.jit.load("agents.ts")
    own = names["MyNet"](frames=4, size=16, short_side=16, device="cpu")
    clip = victim.sampling and names["my_clips"][0].frames[:4, :16, :16]
    assert own.scores(clip[None]).shape == (1, 400)
    (tmp_path / "test/wave").mkdir(parents=True)
    (tmp_path / "test/wave/one.mp4").write_bytes(b"")
    listed = names["MyVideos"]("test", own.sampling, None, root=tmp_path)
    assert len(listed) == 1 and listed.classes == ("wave",)


@pytest.mark.slow
def test_the_code_for_art_runs(tmp_path, monkeypatch):
    pytest.importorskip("art")
    monkeypatch.chdir(tmp_path)  # where no run lies: the agents that ship
    names = {}
    for block in BLOCK.findall((ROOT / "docs/robustness_libraries.md").read_text()):
        exec(block.replace("range(4)", "range(2)").replace("budget=200", "budget=20"), names)
        if "marl.generate" in block:
            assert names["x_adv"].shape == names["x"].shape and max(names["queries"]) <= 20


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_pages_run(command, tmp_path):
    nets = tmp_path / "nets.pt"
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    if "nets.pt" in command:
        writes = [sys.executable, "examples/plugins/my_policy.py", str(nets)]
        subprocess.run(writes, cwd=ROOT, check=True, env={**env, "PYTHONPATH": str(ROOT)})
    line = command.replace("nets.pt", str(nets)) + f" run_dir={tmp_path}/run threads=1"
    assert "clips=" in line and not line.rstrip().endswith("\\"), "a command cut short"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "run/report.html").is_file()


def test_there_are_commands_to_try():
    assert len(COMMANDS) >= 4, "the pages' layout has changed: mend the expression above"
