"""The victim's server, a Ray actor: one a GPU, shared by all env runners, their requests merged."""

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
import ray

from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores, VictimError

TOLD = ("classes", "sampling", "max_batch", "feedback", "top_k")  # a victim's public attributes


class VictimServer:
    """Answers requests for scores; those that wait at the same time go through in one batch."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        from video_attack.agents.setup.attack_setup import make_victim

        self.victim = make_victim(config)
        self._waiting: list[tuple[Frames, asyncio.Future[Scores]]] = []
        self._busy = False

    def about(self) -> dict[str, Any]:
        """What a client must know."""
        return {name: getattr(self.victim, name) for name in TOLD}

    async def scores(self, clips: Frames) -> Scores:
        """Probabilities (N, classes) of uint8 clips (N, T, H, W, 3)."""
        future: asyncio.Future[Scores] = asyncio.get_running_loop().create_future()
        self._waiting.append((clips, future))
        if not self._busy:
            self._busy = True
            # A task of its own: this caller must not wait for those that come after it.
            self._task = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                round_, self._waiting = self._waiting, []
                try:
                    batch = np.concatenate([clips for clips, _ in round_])
                    scores = await asyncio.to_thread(self.victim.scores, batch)
                except Exception as error:  # every caller of this batch must hear of it
                    for _, future in round_:
                        future.set_exception(error)
                    continue
                ends = np.cumsum([len(clips) for clips, _ in round_])
                for (_, future), part in zip(round_, np.split(scores, ends[:-1]), strict=True):
                    future.set_result(part)
        finally:
            self._busy = False


def start_victim_actor(config: Mapping[str, Any], name: str, gpus: float) -> Any:
    """Start the named actor; a killed one is restarted and its calls are repeated.

    Raises:
        VictimError: the cluster has not so many GPUs.
    """
    there = ray.cluster_resources().get("GPU", 0)
    if gpus > there:
        raise VictimError(f"cluster.victim_gpus={gpus}: the cluster has {there:g}; ask for fewer")
    return (
        ray.remote(VictimServer)
        .options(
            name=name, num_cpus=0, num_gpus=gpus,
            max_restarts=-1, max_task_retries=3, max_concurrency=64,
        )
        .remote({group: config[group] for group in ("model", "defence")})
    )  # fmt: skip
