"""Attacks in parallel: Ray actors, each with a victim of its own, each on its share of the clips."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from video_attack.agents.core.errors import ConfigError
from video_attack.agents.evaluation.arena import Contender, Outcome, contenders, outcomes
from video_attack.agents.setup.setting import Setting, build_setting
from video_attack.envs.metrics.perceptual import Lpips
from video_attack.envs.victims.base import VictimError


class Alone:
    """This process attacks all clips itself.

    Args:
        setting: what is attacked.
        config: keys seed, side_by_side, file_check.
        lpips: measures each success; None: nothing does.
    """

    def __init__(
        self, setting: Setting, config: Mapping[str, Any], lpips: Lpips | None = None
    ) -> None:
        self.setting, self.config, self.lpips = setting, config, lpips

    def outcomes(self, attack: Contender, indices: Sequence[int]) -> Iterator[Outcome]:
        """Attack test clips by index; see `video_attack.agents.evaluation.arena.outcomes`."""
        return outcomes(
            attack, self.setting, "test", indices, seed=self.config["seed"],
            width=self.config["side_by_side"], file_check=self.config.get("file_check", False),
            lpips=self.lpips,
        )  # fmt: skip

    def __enter__(self) -> "Alone":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to stop."""


class Worker:
    """One actor: builds its own victim, data set and attacks from the run's configuration.

    Args:
        config: the run's.
        lpips: see `Alone`.
    """

    def __init__(self, config: Mapping[str, Any], lpips: Lpips | None = None) -> None:
        torch.set_num_threads(max(1, config["threads"]))
        setting = build_setting(config)
        self._alone = Alone(setting, config, lpips)
        self._attacks = {attack.name: attack for attack in contenders(setting, config)}

    def outcomes(self, attack: str, indices: Sequence[int]) -> Iterator[Outcome]:
        """The outcomes of a share of the clips, one after the other."""
        yield from self._alone.outcomes(self._attacks[attack], indices)


class Crew:
    """Several workers; Ray is started for them, or joined at `ray_address`, and left at the end.

    Args:
        config: the run's; keys workers, worker_gpus, ray_address besides what a worker needs.
        lpips: see `Alone`; each worker gets a copy, so that only this process reads its files.

    Raises:
        ConfigError: Ray is not installed, or has not so many GPUs.
    """

    def __init__(self, config: Mapping[str, Any], lpips: Lpips | None = None) -> None:
        if config["workers"] < 0:
            raise ConfigError(f"workers={config['workers']}: must be at least 0")
        try:
            import ray
        except ImportError as fault:
            raise ConfigError(
                f"workers={config['workers']} needs Ray: install the package ray, or use workers=0"
            ) from fault
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        logging.getLogger("ray").setLevel(logging.ERROR)
        self._ray, workers, gpus = ray, config["workers"], config["worker_gpus"]
        local = config["ray_address"] == "local"
        ray.init(
            address=config["ray_address"], num_cpus=workers if local else None,
            include_dashboard=False if local else None, log_to_driver=False, logging_level="ERROR",
        )  # fmt: skip
        there = ray.cluster_resources().get("GPU", 0)
        if gpus * workers > there:
            ray.shutdown()
            raise ConfigError(
                f"worker_gpus={gpus} for {workers} workers: there are {there:g}; ask for fewer"
            )
        # max_concurrency: one share after the other, as in one process.
        maker = ray.remote(Worker).options(num_cpus=1, num_gpus=gpus, max_concurrency=1)
        self._workers = [maker.remote(dict(config), lpips) for _ in range(workers)]

    def outcomes(self, attack: Contender, indices: Sequence[int]) -> Iterator[Outcome]:
        """Attack test clips by index; results come as they are ready, from whichever worker.

        When one worker's attack fails, the others finish their shares before the fault is raised.

        Raises:
            VictimError: a worker died.
        """
        ray, faults = self._ray, []
        running = [
            worker.outcomes.options(num_returns="streaming").remote(
                attack.name, list(indices[place :: len(self._workers)])
            )
            for place, worker in enumerate(self._workers)
        ]
        while running:
            (ready,), _ = ray.wait(running, num_returns=1)
            try:
                outcome: Outcome = ray.get(next(ready))
            except StopIteration:
                running.remove(ready)
            except ray.exceptions.RayTaskError as fault:
                running.remove(ready)
                faults.append(fault.cause)
            except ray.exceptions.RayError as fault:
                last = str(fault).strip().splitlines()[-1]
                raise VictimError(
                    f"a worker died ({last}): go on with resume=true, or with fewer workers"
                ) from fault
            else:
                yield outcome
        if faults:
            raise faults[0]

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave Ray; a local one stops."""
        self._ray.shutdown()
