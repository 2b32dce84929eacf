"""Attacks in parallel: Ray actors, each with a victim of its own, each on its share of the clips."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from video_attack.agents.cluster.ray_start import LOCAL, need, start_ray, stop_ray
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.evaluation.arena import Contender, Outcome, contenders, outcomes
from video_attack.agents.setup.attack_setup import AttackSetup, build_setup
from video_attack.envs.metrics.perceptual import Lpips
from video_attack.envs.victims.base import VictimError

log = logging.getLogger(__name__)
DEATHS = 3  # of workers while one attack runs; then it is no accident


def check_workers(config: Mapping[str, Any]) -> None:
    """Check the keys of an evaluation's workers.

    Raises:
        ConfigError: a value out of its range, or a key without an effect.
    """
    for key in ("workers", "worker_gpus"):
        if config[key] < 0:
            raise ConfigError(f"{key}={config[key]}: must be at least 0")
    for key, plain in (("worker_gpus", 0), ("ray_address", LOCAL)):
        if not config["workers"] and config[key] != plain:
            raise ConfigError(
                f"{key}={config[key]} is of workers, and workers=0 has none: add workers=2, or leave "
                f"{key} out"
            )


class LocalRunner:
    """This process attacks all clips itself.

    Args:
        setup: what is attacked.
        config: keys seed, side_by_side, file_check.
        lpips: measures each success; None: nothing does.
    """

    def __init__(
        self, setup: AttackSetup, config: Mapping[str, Any], lpips: Lpips | None = None
    ) -> None:
        self.setup, self.config, self.lpips = setup, config, lpips

    def outcomes(self, attack: Contender, indices: Sequence[int]) -> Iterator[Outcome]:
        """Attack test clips by index; see `video_attack.agents.evaluation.arena.outcomes`."""
        return outcomes(
            attack, self.setup, "test", indices, seed=self.config["seed"],
            width=self.config["side_by_side"], file_check=self.config.get("file_check", False),
            lpips=self.lpips,
        )  # fmt: skip

    def __enter__(self) -> "LocalRunner":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to stop."""


class Worker:
    """One actor: builds its own victim, data set and attacks from the run's configuration.

    Args:
        config: the run's.
        lpips: see `LocalRunner`.
    """

    def __init__(self, config: Mapping[str, Any], lpips: Lpips | None = None) -> None:
        torch.set_num_threads(max(1, config["threads"]))
        setup = build_setup(config)
        self._runner = LocalRunner(setup, config, lpips)
        self._attacks = {attack.name: attack for attack in contenders(setup, config)}

    def outcomes(self, attack: str, indices: Sequence[int]) -> Iterator[Outcome]:
        """The outcomes of a share of the clips, one after the other."""
        yield from self._runner.outcomes(self._attacks[attack], indices)


class ParallelRunner:
    """Several workers; Ray is started for them, or joined at `ray_address`, and left at the end.

    Args:
        config: the run's; keys workers, worker_gpus, ray_address besides what a worker needs.
        lpips: see `LocalRunner`; each worker gets a copy, so that only this process reads its files.

    Raises:
        ConfigError: Ray is not installed, or has no room for them.
    """

    def __init__(self, config: Mapping[str, Any], lpips: Lpips | None = None) -> None:
        try:
            import ray
        except ImportError as error:
            raise ConfigError(
                f"workers={config['workers']} needs Ray: install the package ray, or use workers=0"
            ) from error
        self._ray, self._config, self._lpips = ray, dict(config), lpips
        start_ray(config["ray_address"], config["workers"])
        try:
            need(
                config["workers"], 1, config["worker_gpus"],
                f"workers={config['workers']} with worker_gpus={config['worker_gpus']:g}",
                "ask for fewer",
            )  # fmt: skip
        except ConfigError:
            stop_ray()
            raise
        self._workers = [self._worker() for _ in range(config["workers"])]

    def _worker(self) -> Any:
        # max_concurrency: one share after the other, as in one process.
        maker = self._ray.remote(Worker).options(
            num_cpus=1, num_gpus=self._config["worker_gpus"], max_concurrency=1
        )
        return maker.remote(self._config, self._lpips)

    def outcomes(self, attack: Contender, indices: Sequence[int]) -> Iterator[Outcome]:
        """Attack test clips by index; results come as they are ready, from whichever worker.

        When one worker's attack fails, the others finish their shares before the error is raised. A
        worker that dies is replaced, and the new one goes on with the rest of its share.

        Raises:
            VictimError: workers die again and again, or Ray itself was lost.
        """
        ray, errors, deaths = self._ray, [], 0
        shares = {
            place: list(indices[place :: len(self._workers)]) for place in range(len(self._workers))
        }
        running = {self._begin(attack, place, share): place for place, share in shares.items()}
        while running:
            (ready,), _ = ray.wait(list(running), num_returns=1)
            place = running[ready]
            try:
                outcome: Outcome = ray.get(next(ready))
            except StopIteration:
                del running[ready]
            except ray.exceptions.RayTaskError as error:
                del running[ready]
                errors.append(error.cause)
            except ray.exceptions.ActorDiedError as error:
                del running[ready]
                deaths += 1
                why = str(error).strip().splitlines()[-1].strip()
                if error.actor_init_failed:
                    raise VictimError(f"a worker cannot begin: {why}") from error
                if deaths > DEATHS:
                    raise VictimError(
                        f"workers die again and again ({why}): go on with resume=true and workers=0, which "
                        "shows why, or with fewer workers, if memory is short"
                    ) from error
                log.warning("a worker died: another takes its place (%s)", why)
                self._workers[place] = self._worker()
                running[self._begin(attack, place, shares[place])] = place
            except ray.exceptions.RayError as error:
                why = str(error).strip().splitlines()[-1]
                raise VictimError(
                    f"Ray was lost ({why}): go on with resume=true, or with workers=0"
                ) from error
            else:
                shares[place].remove(outcome[0]["index"])
                yield outcome
        if errors:
            raise errors[0]

    def _begin(self, attack: Contender, place: int, share: list[int]) -> Any:
        """A worker's stream of outcomes."""
        remote = self._workers[place].outcomes.options(num_returns="streaming")
        return remote.remote(attack.name, share)

    def __enter__(self) -> "ParallelRunner":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave Ray; a local one stops."""
        stop_ray()
