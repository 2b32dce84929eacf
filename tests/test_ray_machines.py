"""Protects what a run opens on a machine and leaves there: a local Ray listens on loopback only and answers
nobody without the run's token, and after a SIGKILL of the main process nothing lives on.

Reports of the kinds: ray 1677, 7418 and 59852 (servers on all interfaces); ray 2005, 39092 and 52385
(processes that outlive who started them); ray 4593 and vllm 3513 (a folder for temporary files that is
another user's).
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from shells import ROOT, command, descendants, environment, lives

from video_attack.agents.cluster.ray_guard import marked
from video_attack.agents.cluster.ray_start import start_ray
from video_attack.agents.core.errors import ConfigError

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")
ASK = (
    "import sys; from ray._raylet import GcsClient\n"
    "try: GcsClient(address=sys.argv[1]); print('answered')\n"
    "except Exception as error: print('refused', type(error).__name__, error)"
)


def test_the_guard_kills_what_is_marked_and_nothing_else() -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    ours, other = (
        subprocess.Popen(sleep, env={**os.environ, "GUARD_TEST": value}) for value in ("a", "ab")
    )
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", str(ROOT / "agents/cluster/ray_guard.py"), "GUARD_TEST=a"],
        stdin=subprocess.PIPE,
    )
    try:
        for signal_ in (signal.SIGINT, signal.SIGTERM):  # as a terminal sends them to the group
            time.sleep(0.5)
            guard.send_signal(signal_)
        assert guard.poll() is None and marked(b"GUARD_TEST=a") == [ours.pid]
        guard.stdin.close()
        guard.wait(timeout=60)
        assert ours.wait(timeout=60) == -signal.SIGKILL and other.poll() is None
    finally:
        for process in (ours, other, guard):
            process.kill()
            process.wait()


def listening(pids: set[int]) -> dict[str, str]:
    """Addresses on which these processes accept connections, and by what they are held."""
    if shutil.which("ss") is None:
        pytest.skip("needs ss")
    found = {}
    for line in subprocess.run(
        ["ss", "-Hltnp"], capture_output=True, text=True
    ).stdout.splitlines():
        if {int(pid) for pid in re.findall(r"pid=(\d+)", line)} & pids:
            found[line.split()[3]] = line.split()[-1]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_a_local_run_listens_on_loopback_wants_its_token_and_leaves_nothing(
    script, tmp_path
) -> None:
    slow = ["model._target_=tests.worker_toys.SlowVictim", "+model.seconds=0.5"]
    words = {
        "train.py": ["queries=100000", "cluster.runners=1", "cluster.victim=actor"],
        "evaluate.py": ["workers=2", "clips=40"],
    }[script]
    env = environment(RAY_AUTH_TOKEN=None, RAY_AUTH_MODE=None, HOME=str(tmp_path))
    process = subprocess.Popen(
        command(script, f"run_dir={tmp_path}/run", *slow, *words), cwd=ROOT, env=env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end, started = time.monotonic() + 300, set()
        while time.monotonic() < end:
            started = set(descendants(process.pid))
            names = [Path(f"/proc/{pid}/comm").read_text() for pid in started if lives(pid)]
            if any(name.startswith(("ray::AttackEnv", "ray::Worker")) for name in names):
                break
            time.sleep(0.5)
        time.sleep(3)
        started = set(descendants(process.pid))
        addresses = listening(started | {process.pid})
        assert any("gcs_server" in holder for holder in addresses.values())
        outside = {a for a in addresses if not re.match(r"(127\.|\[::1\]|\[::ffff:127\.)", a)}
        assert not outside, outside
        server = next(a for a, holder in addresses.items() if "gcs_server" in holder)
        asked = subprocess.run(
            [sys.executable, "-c", ASK, "127.0.0.1:" + server.rpartition(":")[2]],
            env=env, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert asked.stdout.startswith("refused") and "uthent" in asked.stdout, asked
    finally:
        process.kill()
        process.wait()
    end = time.monotonic() + 20
    while any(map(lives, started)) and time.monotonic() < end:
        time.sleep(0.2)
    left = {pid: Path(f"/proc/{pid}/comm").read_text() for pid in started if lives(pid)}
    assert not left, left


@pytest.mark.slow
def test_a_folder_for_temporary_files_that_ray_cannot_use_is_named(monkeypatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/proc/nowhere")
    with pytest.raises(ConfigError, match="RAY_TMPDIR=/a/folder"):
        start_ray("local", 1)


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:1", "auto", "nonsense"])
def test_a_cluster_that_is_not_there_costs_one_sentence(address, monkeypatch, capfd) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(ConfigError, match="cannot be joined") as error:
        start_ray(address, None)
    assert "\n" not in str(error.value) and "ray start --head" in str(error.value)
    assert "Traceback" not in capfd.readouterr().err
