"""The arena: attacks on the same clips, with the same seeds, under the same rules."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from video_attack.agents.attacks.base import Attack, AttackResult, Proposals, Task
from video_attack.agents.core.build import locate
from video_attack.agents.core.errors import AttackError, ConfigError
from video_attack.agents.core.progress import Progress
from video_attack.agents.evaluation.codec_in_loop import parse_codec
from video_attack.agents.evaluation.records import make_record
from video_attack.agents.setup.attack_setup import AttackSetup
from video_attack.agents.video.codec_check import check_files
from video_attack.envs.clip import Clip
from video_attack.envs.datasets.base import DatasetError, Split, readable
from video_attack.envs.game.ledger import BudgetExhausted
from video_attack.envs.metrics.perceptual import Lpips
from video_attack.envs.metrics.record import Draft
from video_attack.envs.victims.base import Victim

log = logging.getLogger(__name__)
Outcome = tuple[Draft, AttackResult]


class Contender(Attack):
    """An attack as it stands in a run; its errors name it and the clip.

    Args:
        name: how records and tables call it.
        attack: the method.
        codec_in_loop: what each of its queries passes through, see `codec_in_loop.py`; None: nothing.

    Attributes:
        method: the attack itself.
        through: puts the codec before a victim.

    Raises:
        ConfigError: there is no such codec.
    """

    def __init__(self, name: str, attack: Attack, codec_in_loop: str | None = None) -> None:
        super().__init__(attack.threat_model)
        self.name, self.codec_in_loop, self.method = name, codec_in_loop, attack
        self.shrinks = attack.shrinks
        self.through = parse_codec(codec_in_loop)

    def prepare(self, victim: Victim) -> None:
        """Show the victim to the method."""
        self.method.prepare(victim)

    def moves(self, task: Task) -> Proposals:
        """The method's moves."""
        try:
            yield from self.method.moves(task)
        except BudgetExhausted:
            raise
        except Exception as error:
            raise AttackError(
                f"{self.name} failed on clip {task.ledger.clip.id!r}: {type(error).__name__}: {error}"
            ) from error


def attack_configs(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The attacks of a run by name: the group `attack`, if any, and those below `attacks`."""
    found: dict[str, dict[str, Any]] = dict(config.get("attacks") or {})
    if config.get("attack"):
        method: Any = locate(config["attack"]["_target_"])
        found = {method.name: config["attack"], **found}
    return {name: {"codec_in_loop": config["codec_in_loop"], **own} for name, own in found.items()}


def contenders(setup: AttackSetup, config: Mapping[str, Any]) -> list[Contender]:
    """The attacks of a run, in the order of the command.

    Raises:
        ConfigError: there is none, or one of them is configured wrongly.
    """
    made = []
    for name, keys in attack_configs(config).items():
        codec = keys.pop("codec_in_loop")
        made.append(Contender(name, setup.attack(keys), codec))
    if not made:
        raise ConfigError("no attack is named: write attack=square, or attack=square,geotrap")
    return made


def outcomes(
    attack: Contender,
    setup: AttackSetup,
    split: Split,
    indices: Iterable[int],
    *,
    seed: int,
    width: int,
    file_check: bool = False,
    lpips: Lpips | None = None,
) -> Iterator[Outcome]:
    """Attack clips of a split, `width` side by side; yields record and result as each ends.

    A clip that cannot be read is passed over with a warning. Besides what `make_record` says, a
    record has
        index: the clip's in its split;
        codec_in_loop: the attack's;
        seconds: from the result before it to this one, so that their mean is the time of a clip;
        lpips: with `lpips`, of a success;
        float32: of a success of a victim in reduced precision, whether it fools that in float32 too,
            see `video_attack.envs.victims.base.Victim.exact`; else None;
        float32_queries: the queries that this took, which are not among `queries` either;
        delivered: with `file_check`, for a success, what `check_files` says; else None;
        file_check_queries: the queries that this took, which are not among `queries`.
    """
    dataset = setup.dataset(split)
    places: dict[str, int] = {}

    def chosen() -> Iterator[Clip]:
        for index, clip in readable(dataset, indices):
            places[clip.id] = index
            yield clip

    through = attack.through(setup.victim)
    exact = through.exact()
    results = iter(attack.run_many(through, chosen(), seed, width))
    while True:
        began = time.monotonic()
        _, result = next(results, (0, None))
        if result is None:
            return
        seconds = round(time.monotonic() - began, 4)
        record = make_record(attack.name, setup, result, seed, lpips)
        record |= {
            "index": places[record["id"]],
            "codec_in_loop": attack.codec_in_loop,
            "seconds": seconds,
            "float32": None,
            "float32_queries": 0,
            "delivered": None,
            "file_check_queries": 0,
        }
        if exact is not None and record["success"]:
            record |= {"float32": fools(exact, result), "float32_queries": 1}
        if file_check and record["success"]:
            record |= checked(setup, result)
        yield record, result


def checked(setup: AttackSetup, result: AttackResult) -> Draft:
    """What the victim says of a success after it was written to files and read again."""
    ledger = result.ledger
    assert ledger.best is not None  # a success
    delivered = check_files(setup.victim, ledger.best, ledger.goal.plain)
    return {"delivered": delivered, "file_check_queries": len(delivered)}


def fools(victim: Victim, result: AttackResult) -> bool:
    """Whether a success changes the answer of another form of the victim, by one query."""
    ledger = result.ledger
    assert ledger.best is not None  # a success
    return ledger.goal.plain.reached(victim.scores(ledger.best[None])[0])


def attack_clips(
    attack: Attack, setup: AttackSetup, split: Split, clips: int, *, seed: int, width: int
) -> list[Draft]:
    """Records of the first `clips` clips of a split (0 = all), in their order, whatever the width.

    Raises:
        DatasetError: none of them could be read.
    """
    dataset = setup.dataset(split)
    count = min(clips or len(dataset), len(dataset))
    contender = Contender(attack.name, attack)
    found = outcomes(contender, setup, split, range(count), seed=seed, width=width)
    records = [record for record, _ in watch(found, f"{attack.name} on {split} clips", count, [])]
    if count and not records:
        raise DatasetError(f"none of {count} clips could be read: check the files named above")
    return sorted(records, key=lambda record: int(record["index"]))


def watch(
    found: Iterable[Outcome], name: str, total: int, before: list[Draft], leave: bool = False
) -> Iterator[Outcome]:
    """Pass outcomes on beside a bar with the success so far, the queries and their rate.

    Args:
        found: what comes.
        name: what the bar says.
        total: how many clips there are in all.
        before: records of those that were done before (a resumed run).
        leave: whether the finished bar stays on the terminal.
    """
    bar = Progress(name, total, "clips", start=len(before), leave=leave)
    attacked = sum(record["attacked"] for record in before)
    flipped = sum(record["success"] for record in before)
    queries, began = 0, time.monotonic()
    for outcome in found:
        yield outcome
        record = outcome[0]
        attacked += record["attacked"]
        flipped += record["success"]
        queries += record["queries"]
        rate = queries / max(time.monotonic() - began, 1e-9)
        facts = {"success": flipped / max(attacked, 1), "queries": queries, "queries/s": rate}
        bar.advance(1, **facts)
    bar.close()
