"""Protects runs from where they are started: closed, broken off, full or narrow outputs, homes that are
unknown or cannot be written, folders that cannot be written, logs that cannot be opened.

Reports of the kinds: python/cpython 90650 (a pipe that breaks off); tqdm 1593, 1654 and stanza 1367 (no
standard error); ray 4326 and 4593 (homes and folders of others); MediaManager 183, sanic 752 (a log file
that cannot be opened); tensorboardX 604, allennlp 3116 (a warning at every step).
"""

import io
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from shells import ROOT, environment, run, shell

from video_attack.agents.configs.command_line import prepare
from video_attack.agents.core.log_file import LogFile, Once
from video_attack.agents.core.progress import Progress
from video_attack.agents.core.shell import LastingOutput

RESULTS = ("records.jsonl", "records.csv", "table.txt", "table.md", "success.png", "report.html")


def complete(folder: Path, records: int = 4) -> None:
    assert all((folder / name).stat().st_size for name in RESULTS)
    assert len((folder / "records.jsonl").read_text().splitlines()) == records


@pytest.mark.parametrize(
    "line",
    [
        "$RUN 2>&-",
        "$RUN 2>/dev/null | head -1",
        pytest.param("$RUN 2>&1 >&- | head -1", marks=pytest.mark.slow),
        pytest.param("$RUN <&- >&- 2>&-", marks=pytest.mark.slow),
        pytest.param("$RUN >/dev/full 2>/dev/full", marks=pytest.mark.slow),
        pytest.param("PYTHONIOENCODING=ascii $RUN >/dev/null", marks=pytest.mark.slow),
    ],
)
def test_no_output_is_needed(line, tmp_path) -> None:
    """Closed, broken off, full, or of a narrow encoding: all results are there."""
    folder = tmp_path / "数据"
    done = shell(line, "evaluate.py", f'run_dir="{folder}"')
    assert "Traceback" not in done.stderr, done.stderr
    assert "Exception ignored" not in done.stderr
    complete(folder)
    for name in ("records.jsonl", "config.yaml"):  # no library's output went into a file of ours
        assert "Traceback" not in (folder / name).read_text(encoding="utf-8")


@pytest.mark.slow
def test_training_needs_no_output(tmp_path) -> None:
    done = shell("$RUN <&- >&- 2>&-", "train.py", f"run_dir={tmp_path}", "clips=4")
    assert done.returncode == 0
    complete(tmp_path / "test", records=8)


def test_progress_without_a_standard_error(monkeypatch, caplog) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    bar = Progress("work", 1, "clips")
    with caplog.at_level(logging.INFO):
        bar.advance(1)
    bar.close()
    assert "work: 1/1 clips" in caplog.text


def test_an_output_waits_for_a_slow_reader_and_outlives_a_dead_one() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)  # as some launchers leave it
    output = LastingOutput(writer, "w", closefd=False)
    filled = output.write(b"x" * 1_000_000)
    assert 0 < filled < 1_000_000
    os.read(reader, filled)
    assert output.write(b"more") == 4
    os.close(reader)
    assert output.write(b"nobody reads this") == 17
    os.close(writer)
    assert output.write(b"nor this") == 8


def unknown_user() -> list[str]:
    """A prefix that runs a command as a user whom the system does not know."""
    prefix = ["unshare", "--user", "--map-user=12345"]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("needs unshare --user, which this system refuses")
    return prefix


def test_evaluation_needs_no_home(tmp_path) -> None:
    env = environment(HOME=None, MPLCONFIGDIR=None, VIDEO_ATTACK_CACHE=None)
    line = " ".join([*unknown_user(), "$RUN"])
    done = shell(line, "evaluate.py", f"run_dir={tmp_path}/run", env=env)
    assert done.returncode == 0, done.stderr
    assert "atplotlib" not in done.stdout + done.stderr
    complete(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("home", ["/proc/nowhere", "/dev/null"])
def test_evaluation_needs_no_home_that_can_be_written(home, tmp_path) -> None:
    done = run(
        "evaluate.py", f"run_dir={tmp_path}/run", env=environment(HOME=home, MPLCONFIGDIR=None)
    )
    assert done.returncode == 0, done.stderr
    assert "atplotlib" not in done.stdout + done.stderr
    complete(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("home", [None, "/proc/nowhere"])
def test_training_needs_no_home(home, tmp_path) -> None:
    env = environment(HOME=home, RAY_AUTH_TOKEN=None, RAY_AUTH_MODE=None)
    prefix = [] if home else unknown_user()
    done = shell(" ".join([*prefix, "$RUN"]), "train.py", f"run_dir={tmp_path}/run", env=env)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/policy.pt").exists()


@pytest.mark.slow
def test_training_is_quiet_and_leaves_nothing_in_the_home(tmp_path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    env = environment(HOME=str(home), RAY_AUTH_TOKEN=None, RAY_AUTH_MODE=None)
    # So few steps an iteration that no episode ends in the first ones: figures without a value.
    few = ["algo.batch=16", "algo.minibatch=16", "queries=150", "validation.every=99"]
    done = run("train.py", f"run_dir={tmp_path}/run", *few, env=env)
    assert done.returncode == 0, done.stderr
    first = json.loads((tmp_path / "run/progress.jsonl").read_text().splitlines()[0])
    assert first["success"] is None
    assert "NaN" not in done.stdout + done.stderr and "WARNING" not in done.stdout + done.stderr
    assert not (home / "ray_results").exists() and not (home / ".ray").exists()


@pytest.mark.parametrize("place", ["/proc/no", "/dev/null/no"])
def test_a_place_that_cannot_be_written_is_named_with_the_remedy(place) -> None:
    done = run("evaluate.py", f"run_dir={place}/run")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and "run_dir=" in last and place.split("/")[1] in last


def test_a_working_folder_that_cannot_be_written(tmp_path) -> None:
    env = environment(PYTHONPATH=str(ROOT))
    done = run("evaluate.py", cwd="/proc", env=env)
    last = done.stderr.strip().splitlines()[-1]
    assert "run_dir=" in last and "runs" in last and "Traceback" not in done.stderr
    assert run("evaluate.py", f"run_dir={tmp_path}/run", cwd="/proc", env=env).returncode == 0


def test_a_log_file_that_cannot_be_opened_costs_one_sentence(tmp_path) -> None:
    (tmp_path / "run/evaluate.log").mkdir(parents=True)
    done = run("evaluate.py", f"run_dir={tmp_path}/run")
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if "evaluate.log" in line]
    assert len(said) == 1 and "cannot be written" in said[0]
    assert "Traceback" not in done.stdout + done.stderr and "Logging error" not in done.stderr
    complete(tmp_path / "run")


def test_a_log_file_on_a_full_disk_costs_one_sentence(capsys) -> None:
    logger = logging.getLogger("full")
    handlers = [LogFile("/dev/full"), logging.StreamHandler(stream := io.StringIO())]
    for handler in handlers:
        logging.getLogger().addHandler(handler)
    try:
        for number in range(3):
            logger.warning("line %d", number)
    finally:
        for handler in handlers:
            logging.getLogger().removeHandler(handler)
    lines = stream.getvalue().splitlines()
    assert sum("No space left" in line for line in lines) == 1
    assert [line for line in lines if line.startswith("line")] == ["line 0", "line 1", "line 2"]
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["train", "evaluate", "finetune"])
def test_every_run_logs_that_way(name) -> None:
    prepare()
    groups = ["dataset=actions", "model=tiny3d"] if name == "finetune" else []
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        found = compose(name, [*groups, "run_dir=x"], return_hydra_config=True).hydra.job_logging
    assert found.handlers.file["class"] == "video_attack.agents.core.log_file.LogFile"
    assert all(found.handlers[kind].filters == ["once"] for kind in ("file", "console"))
    assert found.root.handlers == ["console", "file"]


def test_a_warning_is_said_once_and_counted_after() -> None:
    """tensorboardX, torch and av warn of the same thing at every step."""
    once, said = Once(), []
    logger = logging.getLogger("noisy")
    for handler in (logging.Handler(), logging.Handler()):  # two, as in a run: terminal and file
        handler.addFilter(once)
        handler.emit = lambda record: said.append(record.getMessage())
        logger.addHandler(handler)
    for number in range(5):
        logger.warning("a bad clip: %s", "x.avi")
        logger.warning("number %d", number)
        logger.error("the same")
    assert said.count("a bad clip: x.avi") == said.count("the same") == 2
    assert sum(line.startswith("number") for line in said) == 10
    counted = []
    handler = logging.Handler()
    handler.emit = lambda record: counted.append(record.getMessage())
    target = logging.getLogger("video_attack.agents.core.log_file")
    target.addHandler(handler)
    target.setLevel(logging.INFO)
    try:
        once.report()
        once.report()
    finally:
        target.removeHandler(handler)
        target.setLevel(logging.NOTSET)
    assert sorted(counted) == [
        "came 5 times in all: a bad clip: x.avi",
        "came 5 times in all: the same",
    ]
    assert json.dumps(counted)
