"""Ray for this program: a local one that is closed to others and dies with us, or a running cluster."""

import contextlib
import ipaddress
import logging
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from video_attack.agents.core.errors import ConfigError

log = logging.getLogger(__name__)
GUARD = Path(__file__).with_name("ray_guard.py")
MARK = "VIDEO_ATTACK_RAY"  # in the environment of each process of our local Ray, and of no other
LOCAL = "local"
KNOCK_S = 10.0  # the longest that a cluster may take to accept a connection
_guards: list[subprocess.Popen[bytes]] = []


def start_ray(address: str, cpus: int | None) -> None:
    """Start a local Ray, or join the cluster at `address`.

    A local Ray listens on loopback, asks for a token that only this run knows, needs no home, and
    ends within seconds when this process is killed.

    Args:
        address: "local", or the address of a cluster ("auto": the one this machine is part of).
        cpus: logical CPUs of a local Ray; None: as many as the machine has.

    Raises:
        ConfigError: Ray cannot be started, or there is no such cluster.
    """
    import ray

    if ray.is_initialized():
        raise ConfigError("Ray runs in this process already: call ray.shutdown() before")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    for name in ("ray", "ray.rllib"):
        logging.getLogger(name).setLevel(logging.ERROR)  # it warns of its own API's history
    # Of workers that die, which `video_attack.agents.training.rllib_workers` says in one line.
    logging.getLogger("ray.rllib.utils.actor_manager").setLevel(logging.CRITICAL)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address == LOCAL:
            with _closed_to_others():
                ray.init(address=LOCAL, num_cpus=cpus, include_dashboard=False, **quiet)
            _say_where_it_listens()
        else:
            _knock(address)
            ray.init(address=address, **quiet)
    # Whatever it is: nothing has begun, and the first line says it.
    except Exception as error:
        stop_ray()
        why = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise ConfigError(_remedy(address, error, why)) from error


def _remedy(address: str, error: Exception, why: str) -> str:
    if address != LOCAL:
        token = "; a cluster that asks for a token wants RAY_AUTH_MODE=token and RAY_AUTH_TOKEN=..."
        return (
            f"the Ray cluster {address!r} cannot be joined ({why}): start one with `ray start --head`, or "
            f"give the address local, which starts one here{token if 'uthent' in why else ''}"
        )
    if isinstance(error, OSError):
        return (
            f"Ray cannot use its folder for temporary files ({why}): name another one, with a short path, "
            "by RAY_TMPDIR=/a/folder before the command"
        )
    place = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    return f"Ray cannot be started here ({why}): {place}/ray/session_latest/logs say more"


def _knock(address: str) -> None:
    """Raise OSError at once where nothing listens at HOST:PORT; Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and "/" not in host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S).close()


@contextlib.contextmanager
def _closed_to_others() -> Iterator[None]:
    """While a local Ray starts: loopback, a token of our own, and a guard for its processes."""
    from ray._private import ray_constants

    # Ray turns it on by default, with a token that it keeps in the home. One for all Rays of this
    # process, since Ray reads it once.
    if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    mark = secrets.token_hex(16)
    _guards.append(
        subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), f"{MARK}={mark}"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    )  # fmt: skip
    # What Ray does on systems where it supports no clusters. The address 127.0.0.1 itself it refuses.
    before, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    os.environ[MARK] = mark
    # Its processes rename themselves, and would write over their environment.
    os.environ["SPT_NOENV"] = "1"
    try:
        yield
    finally:
        del os.environ[MARK], os.environ["SPT_NOENV"]
        ray_constants.ENABLE_RAY_CLUSTER = before


def _say_where_it_listens() -> None:
    import ray

    address = str(ray.util.get_node_ip_address())
    if not ipaddress.ip_address(address).is_loopback:
        kept = os.environ.get("RAY_AUTH_MODE") == "token"
        log.warning(
            "the local Ray listens on %s, %s", address,
            "and answers only who has this run's token" if kept else
            "and answers everyone: unset RAY_AUTH_MODE",
        )  # fmt: skip


def need(workers: int, cpus: float, gpus: float, asked: str, remedy: str) -> None:
    """Check that Ray has room for workers, for which it would otherwise wait without an end.

    Args:
        workers: how many.
        cpus: of each.
        gpus: likewise.
        asked: the keys that ask for them, for the message.
        remedy: what to do.

    Raises:
        ConfigError: there is less room, even with nobody else there.
    """
    import ray

    wanted = {kind: each for kind, each in (("CPU", cpus), ("GPU", gpus)) if each > 0}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    room = sum(
        # Rounding: 0.3 of a CPU goes ten times into 3.
        min(
            (int(node.get(kind, 0) / each + 1e-6) for kind, each in wanted.items()), default=workers
        )
        for node in nodes
    )
    if room < workers:
        there = " and ".join(f"{sum(n.get(kind, 0) for n in nodes):g} {kind}s" for kind in wanted)
        raise ConfigError(
            f"{asked}: Ray has {there} on {len(nodes)} node(s), room for {room} of {workers}: {remedy}"
        )


def stop_ray() -> None:
    """Leave Ray; a local one ends, with whatever it left."""
    import ray

    ray.shutdown()
    while _guards:
        guard = _guards.pop()
        guard.communicate()  # it hears that we are done
