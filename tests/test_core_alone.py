"""Protects the plain wheel: the game, victims, attacks and exported agents work where neither Ray, Hydra nor
Matplotlib is installed, and what needs them says how to get them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = """
import sys
from importlib import abc

class Missing(abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in {blocked!r} else found(name, *more)
"""
STACK = ("ray", "hydra", "omegaconf", "matplotlib", "tensorboardX", "pyarrow", "pandas")


def run_without(blocked: tuple[str, ...], code: str) -> subprocess.CompletedProcess[str]:
    program = BLOCK.format(blocked=set(blocked)) + code
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=300
    )


def test_the_core_needs_none_of_the_training_stack():
    done = run_without(
        STACK,
        """
import glob
from importlib import import_module
from video_attack import make
from video_attack.envs.video_attack_v1 import env, parallel_env
from video_attack.agents.policy.acting import Policy

for folder in ("envs/**", "agents/attacks/**", "agents/policy", "agents/setup"):
    for path in glob.glob(f"{folder}/*.py", recursive=True):
        if "remote_victim" not in path:
            name = "video_attack." + path.removesuffix(".py").replace("/", ".")
            import_module(name.removesuffix(".__init__"))
game = make(config={"budget": 4})
policy = Policy.load("agents/policy/shipped")
observations, _ = game.reset(seed=0)
while game.agents:
    observations, *_ = game.step(policy.act(observations))
env().reset(seed=0)
print("played", game.queries)
""",
    )
    assert done.stdout.startswith("played 4"), done.stderr


@pytest.mark.parametrize(
    ("script", "missing", "words"),
    [
        ("train.py", ("ray",), "train needs ray: pip install 'video-attack-marl[train]'"),
        ("train.py", STACK, "train needs hydra: pip install 'video-attack-marl[train]'"),
        ("evaluate.py", STACK, "evaluate needs hydra: pip install 'video-attack-marl[evaluate]'"),
    ],
)
def test_commands_say_what_to_install(script, missing, words):
    code = f"import runpy; sys.argv = [{script!r}]; runpy.run_path({script!r}, run_name='__main__')"
    done = run_without(missing, code)
    assert done.returncode == 1 and done.stderr.strip() == f"error: {words}"


def test_other_commands_say_so_too():
    code = "from video_attack.agents.commands.__main__ import main\nsys.argv[1:] = ['transfer']\nmain()"
    done = run_without(STACK, code)
    assert "error: transfer needs hydra" in done.stderr and "[evaluate]" in done.stderr
