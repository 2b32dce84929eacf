"""Protects the promise that it does not matter how a user brings a model: the same network as a
TorchScript, torch.export or ONNX file, as a function and behind HTTP gives the same scores and is
attacked in the same way, query for query."""

import contextlib
import copy
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests import custom_models
from tests.custom_models import CLASSES, KEYS, SCALE, logits
from tests.http_servers import Reply, answer, serve
from video_attack.agents.attacks.base import Attack, Task
from video_attack.agents.attacks.play.random_moves import RandomMoves
from video_attack.agents.configs.command_line import prepare
from video_attack.agents.setup.attack_setup import AttackSetup, build_setup
from video_attack.envs.victims.base import Victim

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FORMS = (
    "torchscript", "exported", "exported fixed", "onnx", "onnx fixed", "http scores",
    "http json", "http partial",
)  # fmt: skip
FEEDBACK = ("scores", "topk", "label")


def probabilities(clips: np.ndarray) -> np.ndarray:
    return logits(clips).double().softmax(dim=1).numpy()


def partial(feedback: str) -> Reply:
    """An endpoint that tells no more than is to be seen."""

    def found(clips: np.ndarray) -> dict[str, Any]:
        rows = probabilities(clips)
        if feedback == "scores":
            return {"scores": rows.tolist()}
        if feedback == "label":
            return {"labels": rows.argmax(axis=1).tolist()}
        best = [np.argsort(-row)[:2] for row in rows]
        names = [f"class_{i:03d}" for i in range(CLASSES)]
        pairs = zip(rows, best, strict=True)
        return {"top": [[[names[i], row[i]] for i in order] for row, order in pairs]}

    return answer(found)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The network in each kind of file, as model=... and model.path."""
    folder: Path = tmp_path_factory.mktemp("nets")
    found = {
        "torchscript": custom_models.save_torchscript(folder / "net.pt"),
        "exported": custom_models.save_exported(folder / "net.pt2"),
        "exported fixed": custom_models.save_exported(folder / "one.pt2", clips=1),
    }
    with contextlib.suppress(ImportError):
        import onnx  # noqa: F401 - without it the form is skipped below
        import onnxruntime  # noqa: F401

        found["onnx"] = custom_models.save_onnx(folder / "net.onnx")
        found["onnx fixed"] = custom_models.save_onnx(folder / "three.onnx", clips=3)
    return found


@functools.cache
def composed(kind: str) -> dict[str, Any]:
    """What a command line with model=... says; Hydra takes longer than an attack."""
    game = ["env.budget=40", "env.grid=4", "env.sizes=[0.25,0.5]", "env.windows=[2,4]"]
    prepare()
    with initialize_config_dir(str(Path(__file__).parents[1] / "conf"), version_base=None):
        found = compose("evaluate", [f"model={kind}", "attack=random", *game])
    config: Any = OmegaConf.to_container(found, resolve=False)
    return config


@contextlib.contextmanager
def setup(form: str, feedback: str, files: dict[str, str], **game: Any) -> Iterator[AttackSetup]:
    """What such a command line builds, on the clips and with the distortion of tests."""
    kind, _, rest = form.partition(" ")
    keys: dict[str, Any] = {**KEYS, "feedback": feedback, "top_k": 2}
    with contextlib.ExitStack() as stack:
        if kind == "http":
            told = partial(feedback if rest == "partial" else "scores")
            keys["url"] = stack.enter_context(serve(told)).url
            keys |= {
                "classes": CLASSES,
                "max_batch": 3,
                "body": "json" if rest == "json" else "npy",
            }
        elif kind == "function":
            keys["function"] = "tests.custom_models.logits"
        elif form not in files:
            pytest.skip("onnx and onnxruntime are not installed")
        else:
            keys |= {"path": files[form], **SCALE}
        config = copy.deepcopy(composed(kind))
        assert keys.keys() <= config["model"].keys()
        config["model"] |= keys
        config["env"] |= game
        config["dataset"] = {"_target_": "tests.custom_models.NetClips"}
        config["distortion"] = {"_target_": "tests.toys.brighten", "severity": 2}
        yield build_setup(config)


class Greedy(Attack):
    """Brightens random boxes and goes on from whatever left the true class least: unlike random
    moves, each query depends on the answers before it."""

    name = "greedy"

    def moves(self, task: Task):
        best, lowest = task.ledger.clip.frames, float(task.clean[task.ledger.goal.label])
        while True:
            frames, rows, columns = (int(task.rng.integers(0, n)) for n in (6, 24, 24))
            proposal = best.copy()
            box = proposal[frames : frames + 3, rows : rows + 8, columns : columns + 8]
            box[:] = np.minimum(box.astype(np.int64) + 60, 255)
            found = float((yield proposal[None])[0, task.ledger.goal.label])
            # Not for a hair's breadth: between runtimes the last digits differ.
            if found < lowest - 1e-4:
                best, lowest = proposal, found


def record(victim: Victim) -> list[str]:
    """Digests of the clips that the victim will be asked about, in their order."""
    asked: list[str] = []
    predict = victim.predict

    def recorded(clips: np.ndarray) -> np.ndarray:
        asked.extend(hashlib.sha256(clip.tobytes()).hexdigest()[:16] for clip in clips)
        return predict(clips)

    victim.predict = recorded  # type: ignore[method-assign]
    return asked


def play(form: str, feedback: str, files: dict[str, str], method: type[Attack]) -> dict[str, Any]:
    """Everything that an attack left behind."""
    # Moves that are kept if they pay or scaled to the boundary hang on the scores' last digits, in
    # which runtimes differ: random ones are all kept, and end at the flip.
    game = {"acceptance": "always", "cleanup": 0} if method is RandomMoves else {}
    with setup(form, feedback, files, **game) as built:
        asked = record(built.victim)
        attack = method(built.threat_model())
        found = {"asked": asked, "results": []}
        for number, result in attack.run_many(built.victim, built.dataset("test"), seed=1, width=4):
            ledger = result.ledger
            best = None if ledger.best is None else ledger.best.tobytes()
            found["results"].append(
                (
                    number,
                    result.attacked,
                    ledger.spent,
                    ledger.first_success,
                    ledger.best_norm,
                    best,
                )
            )
        return found


@pytest.fixture(scope="module")
def reference(files: dict[str, str]) -> dict[Any, dict[str, Any]]:
    """The attacks on the function; the others are compared with it."""
    return {
        (feedback, method): play("function", feedback, files, method)
        for feedback in FEEDBACK
        for method in (RandomMoves, Greedy)
    }


@pytest.mark.parametrize("form", ["function", *FORMS])
def test_same_scores(form: str, files: dict[str, str]) -> None:
    with setup(form, "scores", files) as built:
        clips = np.stack([clip.frames for clip in built.dataset("test")])
        noise = np.random.default_rng(0).integers(0, 256, clips.shape, np.uint8)
        for some in (clips, noise, clips[:1]):
            assert np.abs(built.victim.scores(some) - probabilities(some)).max() < 1e-3
        assert len(built.victim.classes) == CLASSES


@pytest.mark.parametrize("method", [RandomMoves, Greedy])
@pytest.mark.parametrize("feedback", FEEDBACK)
def test_the_comparison_means_something(reference, feedback: str, method: type[Attack]) -> None:
    """Some attacks succeed early and not all do so at once, over several classes."""
    found = reference[feedback, method]
    firsts = [first for _, attacked, _, first, _, _ in found["results"] if attacked]
    assert len(firsts) == len(found["results"]) == 6
    assert len({first for first in firsts if first is not None}) >= 2
    assert len(found["asked"]) == sum(spent for _, _, spent, *_ in found["results"])
    # The attacks are not blind to the victim: another answer, another attack.
    assert reference["scores", Greedy]["asked"] != reference["label", Greedy]["asked"]


@pytest.mark.parametrize("method", [RandomMoves, Greedy])
@pytest.mark.parametrize("feedback", FEEDBACK)
@pytest.mark.parametrize("form", FORMS)
def test_same_attack_query_for_query(
    form: str, feedback: str, method: type[Attack], files, reference
) -> None:
    found = play(form, feedback, files, method)
    assert found == reference[feedback, method]
