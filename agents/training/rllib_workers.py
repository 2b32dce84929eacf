"""RLlib's workers: what they need is there, and one that dies or is late does not end the run."""

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from ray.exceptions import RayError
from ray.rllib.algorithms.algorithm import Algorithm

from video_attack.agents.cluster.ray_start import LOCAL, need
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.victims.base import VictimError

log = logging.getLogger(__name__)
TRIES = 3  # iterations in a row that may bring nothing though all workers live
BACK_WITHIN_S = 120.0  # a worker that died: Ray starts it again in some 10 s, and slowly where busy
LOOK_EVERY_S = 1.0


def check_cluster(cluster: Mapping[str, Any]) -> None:
    """Check the keys of the group `cluster` before anything is started.

    Raises:
        ConfigError: a value out of its range, more GPUs than there are, or a key without an effect.
    """
    least = {
        "runners": 0,
        "games_per_runner": 1,
        "runner_cpus": 0,
        "victim_gpus": 0,
        "learner_gpus": 0,
    }
    for key, value in least.items():
        if cluster[key] < value:
            raise ConfigError(f"cluster.{key}={cluster[key]}: must be at least {value}")
    if cluster["cpus"] is not None and cluster["cpus"] < 1:
        raise ConfigError(f"cluster.cpus={cluster['cpus']}: must be at least 1, or null for all")
    if not cluster["sample_timeout_s"] > 0:
        raise ConfigError(
            f"cluster.sample_timeout_s={cluster['sample_timeout_s']}: must be above 0"
        )
    if cluster["victim_gpus"] and cluster["victim"] == "inline":
        raise ConfigError(
            f"cluster.victim_gpus={cluster['victim_gpus']:g} is of the victim's actor, and there is none "
            "with cluster.victim=inline: add cluster.victim=actor, or leave it out"
        )
    if cluster["cpus"] is not None and cluster["address"] != LOCAL:
        raise ConfigError(
            f"cluster.cpus={cluster['cpus']} is of a local Ray, and cluster.address="
            f"{cluster['address']} joins one that runs: leave cluster.cpus out"
        )
    there = torch.cuda.device_count()
    if math.ceil(cluster["learner_gpus"]) > there:
        raise ConfigError(
            f"cluster.learner_gpus={cluster['learner_gpus']:g}: PyTorch sees {there} GPUs on this machine, "
            "where the learner runs: ask for no more"
        )


def need_room(cluster: Mapping[str, Any]) -> None:
    """Check that the Ray that was started or joined has room for the env runners.

    Raises:
        ConfigError: it has not.
    """
    runners, each = cluster["runners"], cluster["runner_cpus"]
    more = (
        f" or set cluster.cpus={math.ceil(runners * each)}" if cluster["address"] == LOCAL else ""
    )
    need(
        runners, each, 0, f"cluster.runners={runners} with cluster.runner_cpus={each:g}",
        f"ask for fewer runners{more}",
    )  # fmt: skip


def iteration(algo: Algorithm, cluster: Mapping[str, Any]) -> dict[str, Any]:
    """One iteration in which workers brought steps; RLlib's result.

    Where none did, because a worker died, the iteration is repeated once it is back.

    Raises:
        VictimError: workers live but bring nothing in time, or do not come back.
    """
    late, since = 0, time.monotonic()
    while True:
        try:
            result: dict[str, Any] = algo.train()
        except RayError as error:
            why = str(error).strip().splitlines()[-1]
            raise VictimError(
                f"Ray ended or lost a part of itself ({why}): go on with resume=true"
            ) from error
        asked = result.get("env_runners", {}).get("attack", {}).get("asked", math.nan)
        if math.isfinite(asked):
            return result
        alive = algo.env_runner_group.num_healthy_remote_workers()
        if alive < cluster["runners"]:
            if time.monotonic() - since > BACK_WITHIN_S:
                raise VictimError(
                    f"{cluster['runners'] - alive} of {cluster['runners']} workers died and did not come "
                    "back: see why with cluster.runners=0, then go on with resume=true"
                )
            log.warning("a worker died: Ray starts it again, and training goes on with it")
            time.sleep(LOOK_EVERY_S)
            continue
        late += 1
        if late == TRIES:
            raise VictimError(
                f"no worker brought its steps within {cluster['sample_timeout_s']:g} s: raise "
                "cluster.sample_timeout_s or cluster.runners, and go on with resume=true"
            )
        log.warning("no worker brought a step in %g s: trying again", cluster["sample_timeout_s"])
