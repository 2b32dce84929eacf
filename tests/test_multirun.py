"""Protects sweeps (`--multirun`): where their runs go, that one failure does not end them, and what remains
when they are stopped."""

import sys
from pathlib import Path

import pytest

from tests.commands import a_run
from video_attack.agents.configs import jobs
from video_attack.agents.configs.carried import offered
from video_attack.agents.configs.command_line import plain_errors


def test_a_sweep_is_told_where_its_runs_go(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "argv", ["train.py", "-m", "seed=1,2", f"run_dir={tmp_path}"])
    with pytest.raises(SystemExit, match=r"write hydra\.sweep\.dir=\.\.\."):
        jobs.run_command("train", lambda: seen.append(sys.argv[-1]))
    monkeypatch.setattr(
        sys, "argv", ["train.py", "-m", "seed=1,2", f'hydra.sweep.dir="{tmp_path}/é"']
    )
    jobs.run_command("train", lambda: seen.append(sys.argv[-1]))
    assert seen == [f'run_dir="{tmp_path}/é/{n}"' for n in (0, 1)]


def test_a_sweep_goes_on_after_a_run_that_fails_and_names_it(tmp_path, monkeypatch, capsys):
    seen = []

    def main():
        seen.append(sys.argv[1:])
        if "seed=2" in sys.argv:
            raise ZeroDivisionError("of a component")

    given = [
        "train.py",
        "-m",
        "seed=1,2,3",
        "env.budget=1e1,many",
        f"hydra.sweep.dir={tmp_path}",
        "clips=2",
    ]
    monkeypatch.setattr(sys, "argv", given)
    with pytest.raises(SystemExit) as end:
        jobs.run_command("train", main)
    assert [job[0] for job in seen] == ["seed=1", "seed=1", "seed=2", "seed=2", "seed=3", "seed=3"]
    assert seen[0][1] == "env.budget=10" and seen[0][-1] == f'run_dir="{tmp_path}/0"'
    assert "2 of 6 runs failed" in str(end.value)
    for name in ("2 (seed=2 env.budget=1e1): ZeroDivisionError", "3 (seed=2 env.budget=many): "):
        assert name.replace("1e1", "10.0") in str(end.value)
    assert "run 5 of 0 to 5: seed=3 env.budget=many" in capsys.readouterr().out


def test_a_sweep_that_is_stopped_says_what_remains(tmp_path, monkeypatch):
    def main():
        if "seed=2" in sys.argv:
            with plain_errors():
                raise KeyboardInterrupt

    monkeypatch.setattr(
        sys, "argv", ["train.py", "-m", "seed=1,2,3,4", f"hydra.sweep.dir={tmp_path}"]
    )
    with pytest.raises(SystemExit, match=r"stopped.*not begun: 2 \(seed=3\), 3 \(seed=4\)"):
        jobs.run_command("train", main)


def test_a_sweep_over_checkpoints_takes_each_ones_settings(tmp_path, monkeypatch):
    runs = [a_run(tmp_path / name, f"env.budget={b}") for name, b in (("a", 21), ("b", 22))]
    found = []
    monkeypatch.setattr(
        sys, "argv", ["evaluate.py", "--multirun", f"checkpoint={runs[0]},{runs[1]},{tmp_path}/none",
                      f"hydra.sweep.dir={tmp_path}/s"]
    )  # fmt: skip

    def main():
        found.append(Path(str(offered())).name)

    with pytest.raises(SystemExit, match=r"1 of 3 runs failed.*no such folder"):
        jobs.run_command("evaluate", main)
    assert found == ["a", "b"]
