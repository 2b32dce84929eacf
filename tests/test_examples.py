"""Protects the examples of other libraries: each is short, each runs, and its kept output shows learning.

Each library wants an environment of its own (docs/plugging_in.md); an example whose library is missing here
is skipped. VIDEO_ATTACK_EXAMPLES_PYTHON names another interpreter to run them with.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = os.environ.get("VIDEO_ATTACK_EXAMPLES_PYTHON", sys.executable)
NEEDS = {
    "cleanrl_style": "torch", "rllib_stock": "ray", "torchrl_ppo mappo": "torchrl",
    "torchrl_ppo ippo": "torchrl", "benchmarl_task mappo": "benchmarl",
    "benchmarl_task ippo": "benchmarl", "agilerl_ippo": "agilerl",
    "sb3_supersuit": "stable_baselines3", "tianshou_ppo": "tianshou",
}  # fmt: skip
LAST = re.compile(
    r"success (\d\.\d+) at random, (\d\.\d+) learned; "
    r"mean reward (-?\d+\.\d+) at random, (-?\d+\.\d+) learned"
)


@pytest.mark.slow
@pytest.mark.parametrize("example", NEEDS)
def test_an_example_runs(example: str) -> None:
    there = subprocess.run([PYTHON, "-c", f"import {NEEDS[example]}"], capture_output=True)
    if there.returncode:
        pytest.skip(f"{NEEDS[example]} is not installed in {PYTHON}")
    script, *words = example.split()
    done = subprocess.run(
        [PYTHON, f"examples/{script}.py", *words, "512"], cwd=ROOT, text=True, capture_output=True,
        timeout=900, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert LAST.search(done.stdout)


def test_examples_are_short() -> None:
    for script in {"small_game", *(name.split()[0] for name in NEEDS)}:
        assert len((ROOT / f"examples/{script}.py").read_text().splitlines()) < 80, script


@pytest.mark.parametrize("output", sorted((ROOT / "examples/outputs").glob("*.txt")), ids=str)
def test_kept_outputs_show_that_it_learned(output: Path) -> None:
    found = LAST.search(output.read_text())
    assert found and float(found[2]) > float(found[1]) and float(found[4]) > float(found[3])
