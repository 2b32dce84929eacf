"""Protects run folders: one process each, a lock that a dead process leaves is no obstacle, two sweeps never
share a folder, and no two refusals send a user from one to the other.

Reports of the kinds: hydra 1607, 1817 and 2925 (runs and sweeps of one moment share a folder); profam
261 (they share their checkpoints).
"""

import errno
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from shells import ROOT, command, run

from video_attack.agents.configs import command_line as config
from video_attack.agents.configs.carried import read_record
from video_attack.agents.core.checkpoints import begun, read_state
from video_attack.agents.core.errors import ANEW, CheckpointError
from video_attack.agents.core.run_lock import LOCK, FolderError, owned
from video_attack.agents.evaluation import metadata
from video_attack.agents.evaluation.records import RecordFile
from video_attack.envs.metrics.record import RecordError

HOLD = (
    "import sys, time; from pathlib import Path; from video_attack.agents.core.run_lock import owned\n"
    "with owned(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds tmp_path."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_and_the_first_is_named(holder, tmp_path) -> None:
    with (
        pytest.raises(FolderError, match=rf"in use by process {holder.pid} on .*since 20") as error,
        owned(tmp_path),
    ):
        pass
    assert "\n" not in str(error.value) and "run_dir" in str(error.value)
    assert (tmp_path / LOCK).exists(), "a refused process takes nothing away"


def test_a_dead_process_is_no_obstacle(holder, tmp_path) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK).exists()
    with owned(tmp_path):
        about = json.loads((tmp_path / LOCK).read_text())
        assert about["pid"] == os.getpid()
    assert not (tmp_path / LOCK).exists()


@pytest.mark.parametrize("left", ["", "{", "12345", '{"pid": 1}'])
def test_whatever_a_lock_file_holds_is_no_obstacle(left, tmp_path) -> None:
    (tmp_path / LOCK).write_text(left)
    with owned(tmp_path), pytest.raises(FolderError, match="in use by process"), owned(tmp_path):
        pass
    with owned(tmp_path):
        pass


def test_a_lock_is_given_up_by_a_fault(tmp_path) -> None:
    with pytest.raises(ZeroDivisionError), owned(tmp_path):
        raise ZeroDivisionError
    with owned(tmp_path):
        pass


def test_a_file_system_without_locks_is_said_and_used(tmp_path, monkeypatch, caplog) -> None:
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with owned(tmp_path):
        pass
    assert "without locks" in caplog.text


def test_names_of_the_same_second_and_process_number_differ(monkeypatch) -> None:
    class Frozen(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(config, "datetime", Frozen)
    monkeypatch.setattr(os, "getpid", lambda: 7)  # as in every container
    names = {config.new_run("sweep", False) for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("runs/sweep-2026-01-02_03-04-05-") for name in names)


def test_what_counts_as_begun(tmp_path) -> None:
    (tmp_path / "config.yaml").write_text("{}")
    (tmp_path / "records.jsonl").touch()
    (tmp_path / "checkpoints/.iteration_000001.part").mkdir(parents=True)
    assert not begun(tmp_path)
    for name in ("records.jsonl", "last.pt", "checkpoints/iteration_000001/state.json"):
        folder = tmp_path / f"run of {name[:4]}"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("x\n")
        assert begun(folder)


@pytest.mark.parametrize("words", [[], ["resume=true"]])
def test_a_run_that_left_nothing_begins_anew_with_either_command(words, tmp_path) -> None:
    (tmp_path / "config.yaml").write_text("seed: 5\n")  # of a run that a wrong key ended at once
    (tmp_path / "run.json").write_text(
        '{"victim": {"of": "the network\'s weights"}, "policy": "x"}'
    )
    done = run("evaluate.py", f"run_dir={tmp_path}", *words)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "records.jsonl").read_text().splitlines()) == 4
    again = run("evaluate.py", f"run_dir={tmp_path}")
    assert "holds a run: go on with resume=true" in again.stderr
    assert run("evaluate.py", f"run_dir={tmp_path}", "resume=true").returncode == 0


# Files that a full disk, a sync or an editor damaged.
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("run.json", "{}", f"does not say what this run began with: {ANEW}"),
        ("run.json", "[1", f"does not say what this run began with: {ANEW}"),
        ("config.yaml", "", "is no configuration of a run: name the folder of one"),
        ("config.yaml", "[1", "is no configuration of a run"),
        (
            "records.jsonl",
            '{"attack": "a", "id": "0", "attacked": 1, "success": 0}\n',
            "lacks index",
        ),
        ("records.jsonl", "garbage\n", "line 1 of records.jsonl is no JSON"),
    ],
)
def test_what_is_damaged_is_named_when_a_run_goes_on(name, content, words, tmp_path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises((CheckpointError, RecordError), match=re.escape(words)) as error:
        if name == "run.json":
            metadata.began_with(tmp_path / name)
        elif name == "config.yaml":
            read_record(tmp_path / name)
        else:
            RecordFile(tmp_path / name, resume=True)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["{}", "[]", "{", '{"iteration": -1}', '{"iteration": null}'])
def test_a_checkpoint_without_its_counters_is_named(content, tmp_path) -> None:
    (tmp_path / "iteration_000003").mkdir()
    (tmp_path / "iteration_000003/state.json").write_text(content)
    with pytest.raises(
        CheckpointError, match=r"iteration_000003 cannot be read .*: delete it, and"
    ):
        read_state(tmp_path)
    with pytest.raises(CheckpointError, match="holds no checkpoint"):  # the remedy, done
        shutil.rmtree(tmp_path / "iteration_000003")
        read_state(tmp_path)


def test_no_refusal_to_go_on_leads_to_another() -> None:
    """Without resume=true alone the folder is in use, which would send the user back again."""
    said = [file.read_text() for file in sorted((ROOT / "agents").rglob("*.py"))]
    assert not [text for text in said if re.search(r"start (anew|a new run) without resume", text)]
    with pytest.raises(CheckpointError, match=ANEW):
        config.refuse_changes({"seed": 1}, {"seed": 2})


SERVER = {"_target_": "video_attack.envs.victims.endpoint.Endpoint", "url": "http://a/b", "classes": 3,
          "retries": 4, "timeout": 30.0, "max_batch": 8, "token_env": None}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "goes_on"),
    [
        # What messages of a server that fails in the middle of a run tell to change.
        ({"retries": 9}, True),
        ({"timeout": 90.0}, True),
        ({"max_batch": 2}, True),
        ({"token_env": "TOKEN"}, True),
        ({"url": "http://c/d"}, False),
        ({"classes": 4}, False),
    ],
)
def test_a_run_goes_on_with_what_a_message_told_to_change(change, goes_on) -> None:
    new, old = {"model": {**SERVER, **change}}, {"model": SERVER}
    if goes_on:
        config.refuse_changes(new, old)
        return
    with pytest.raises(
        CheckpointError, match=rf"the run to resume had model\.{next(iter(change))}"
    ):
        config.refuse_changes(new, old)


def test_a_run_whose_workers_were_late_goes_on_as_the_message_says() -> None:
    new = {"cluster": {"sample_timeout_s": 60, "runners": 4}, "algo": {"batch": 8}}
    config.refuse_changes(
        new, {"cluster": {"sample_timeout_s": 2, "runners": 1}, "algo": {"batch": 8}}
    )
    said = (ROOT / "agents/training/rllib_workers.py").read_text()
    assert "raise " in said and "algo.batch" not in said, "which may not change"


@pytest.mark.parametrize("words", [[], ["resume=true"]])
def test_results_without_their_configuration_are_not_mixed_with_others(words, tmp_path) -> None:
    (tmp_path / "records.jsonl").write_text("{}\n")
    done = run("evaluate.py", f"run_dir={tmp_path}", *words)
    assert "holds results, but not the config.yaml" in done.stderr
    assert (tmp_path / "records.jsonl").read_text() == "{}\n"


def wait_for(condition, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)
    assert condition()


def lines_of(folder: Path) -> list[str]:
    path = folder / "progress.jsonl"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["resume=true"]])
def test_a_training_run_killed_before_its_first_checkpoint(words, tmp_path) -> None:
    process = subprocess.Popen(
        command("train.py", f"run_dir={tmp_path}"), cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for((tmp_path / "config.yaml").exists)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not begun(tmp_path)
    done = run("train.py", f"run_dir={tmp_path}", *words)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["resumes"] for line in lines_of(tmp_path)][:1] == [0]


@pytest.mark.slow
def test_a_run_that_lives_is_not_resumed_beside_itself(tmp_path) -> None:
    process = subprocess.Popen(
        command("train.py", f"run_dir={tmp_path}", "queries=100000"), cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: lines_of(tmp_path))
        before = (tmp_path / "config.yaml").read_text()
        for words in ([], ["resume=true"]):
            refused = run("train.py", f"run_dir={tmp_path}", "queries=100000", *words)
            assert refused.returncode == 1
            assert f"in use by process {process.pid}" in refused.stderr
            assert "Traceback" not in refused.stderr
        assert process.poll() is None and (tmp_path / "config.yaml").read_text() == before
    finally:
        process.kill()
        process.wait()
    iterations = [json.loads(line)["iteration"] for line in lines_of(tmp_path)]
    assert iterations == sorted(set(iterations))


@pytest.mark.slow
def test_two_sweeps_at_once_keep_their_jobs_apart(tmp_path) -> None:
    python, script, *words = command("evaluate.py", "seed=1,2", "clips=2")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    sweeps = [
        subprocess.Popen([python, script, "-m", *words], cwd=tmp_path, env=env, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]  # fmt: skip
    for sweep in sweeps:
        output, _ = sweep.communicate(timeout=500)
        assert sweep.returncode == 0, output
    folders = sorted((tmp_path / "runs").glob("sweep-*"))
    assert len(folders) == 2
    for folder in folders:
        seeds = [
            {json.loads(line)["seed"] for line in (job / "records.jsonl").open()}
            for job in sorted(folder.glob("[0-9]"))
        ]
        assert seeds == [{1}, {2}]
