"""Protects the bridge to ART and Foolbox: their attacks are counted and bounded like ours, ours are attacks
of ART, both measure the same of the same clips, and gradients reach tiny3d on the scale that it is told."""

import functools
import importlib.util

import numpy as np
import pytest
import torch
import yaml

from tests.attack_toys import BOUNDS, CONF, LinearVictim, darken, grey_clip, rules
from video_attack.agents.attacks.libraries.gradients import ScaledLogits, contact_sheet, cut_up
from video_attack.agents.attacks.libraries.library_attack import LibraryAttack
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.datasets.actions import Actions
from video_attack.envs.distortions.gaussian_noise import gaussian_noise
from video_attack.envs.victims.tiny3d import Tiny3D


def installed(name):
    return pytest.mark.skipif(
        importlib.util.find_spec(name) is None, reason=f"{name} is not installed"
    )


art, foolbox = installed("art"), installed("foolbox")
BLACK_BOX = [
    pytest.param("art", {}, marks=art),
    pytest.param(
        "art",
        {
            "method": "SquareAttack",
            "layout": "image",
            "keys": {"eps": 0.04, "max_iter": 100, "p_init": 0.3},
        },
        marks=art,
    ),
    pytest.param("foolbox", {}, marks=foolbox),
    pytest.param("foolbox", {"method": "HopSkipJumpAttack", "keys": {}}, marks=foolbox),
    pytest.param(
        "foolbox",
        {"method": "LinfRepeatedAdditiveUniformNoiseAttack", "keys": {}, "epsilon": 0.04},
        marks=foolbox,
    ),
]


class Meter(LinearVictim):
    def __init__(self):
        super().__init__(share=0.02)
        self.seen = []

    def answer(self, clips):
        self.seen += list(clips)
        return super().answer(clips)


def contender(name, own, budget=200, bound="none", **game):
    keys = {**yaml.safe_load((CONF / f"{name}.yaml").read_text()), **own}
    return build("attack", keys, rules(budget, bound=BOUNDS[bound], **game))


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize(("name", "own"), BLACK_BOX)
def test_a_librarys_attack_is_counted_and_bounded(name, own, bound):
    victim = Meter()
    result = contender(name, own, 60, bound, cleanup="all").run(victim, grey_clip())
    assert victim.clips == result.ledger.spent <= 60 and result.attacked
    clean = grey_clip().frames
    held = BOUNDS[bound].around(clean, [darken(clean, 5, np.random.default_rng(0))])
    assert len(victim.seen) > 1
    for frames in victim.seen:
        assert np.array_equal(held.project(frames[None])[0], frames)


@pytest.mark.parametrize(("name", "own"), BLACK_BOX)
def test_the_same_seed_gives_the_same_attack_whoever_plays_beside_it(name, own):
    clips = [grey_clip(i) for i in range(3)]
    np.random.seed(5)
    outer = np.random.get_state()[1].copy()
    attack = contender(name, own, 40, cleanup="all")
    alone = [attack.run(Meter(), clip, 3).ledger for clip in clips]
    together = dict(attack.run_many(Meter(), clips, 3, width=3))
    assert np.array_equal(np.random.get_state()[1], outer)  # the process's own dice are not touched
    for number, ledger in enumerate(alone):
        other = together[number].ledger
        assert (ledger.spent, ledger.curves) == (other.spent, other.curves)


@pytest.mark.parametrize(("name", "own"), BLACK_BOX[:1] + BLACK_BOX[2:4])
def test_a_decision_attack_flips_and_goes_on_shrinking(name, own):
    ledger = contender(name, own, 400, cleanup="all").run(Meter(), grey_clip()).ledger
    assert ledger.first_success is not None
    assert ledger.curves["l2"][-1][1] < 0.7 * ledger.curves["l2"][0][1]


def test_a_contact_sheet_shows_every_frame_and_is_cut_up_again():
    for count in (1, 7, 8, 16):
        frames = np.random.default_rng(0).random((2, count, 4, 6, 3), np.float32)
        sheet = contact_sheet(frames)
        assert np.array_equal(sheet[0, :4, :6], frames[0, 0])
        assert np.array_equal(sheet[1, -4:, -6:], frames[1, -1])
        assert np.array_equal(cut_up(sheet, count), frames)
        assert torch.equal(cut_up(torch.tensor(sheet), count), torch.tensor(frames))


def test_a_missing_library_is_named_with_its_remedy():
    class Nowhere(LibraryAttack):
        name, library, package = "nowhere", "no_such_library", "nowhere-package"

        def attack(self, ask, clean, task):
            return clean

    with pytest.raises(ConfigError, match="attack=nowhere needs no_such_library: pip install now"):
        Nowhere(rules(), method="X")


def test_a_fault_inside_of_a_library_comes_out_and_no_thread_stays():
    import threading

    class Faulty(LibraryAttack):
        name, library, package = "faulty", "numpy", "numpy"

        def attack(self, ask, clean, task):
            ask(clean * 0.5)
            raise ZeroDivisionError("inside")

    with pytest.raises(ZeroDivisionError, match="inside"):
        Faulty(rules(), method="X").run(Meter(), grey_clip())
    assert not [t for t in threading.enumerate() if t.name == "library attack"]


@art
def test_what_is_no_attack_is_named():
    with pytest.raises(ConfigError, match="'Nothing': name a class of art"):
        contender("art", {"method": "Nothing"}).run(Meter(), grey_clip())
    with pytest.raises(ConfigError, match="Meter shows none"):
        contender("art", {"gradients": True}).run(Meter(), grey_clip())


@pytest.fixture(scope="module")
def clips():
    victim = Tiny3D(device="cpu")
    data = Actions(split="test", sampling=victim.sampling, classes=victim.classes)
    found = [data[i] for i in range(6)]
    return victim, np.stack([clip.frames for clip in found]), np.array([c.label for c in found])


def test_gradients_reach_tiny3d_and_its_scale_is_told(clips):
    victim, frames, _ = clips
    for white in (1.0, 255.0):
        x = torch.tensor(frames[:2] * np.float32(white / 255), requires_grad=True)
        logits = ScaledLogits(victim, white=white)(x)
        assert np.allclose(logits.softmax(1).detach(), victim.scores(frames[:2]), atol=1e-4)
        logits.sum().backward()
        assert x.grad.abs().max() > 0
    with pytest.raises(ValueError, match="white is 255"):
        ScaledLogits(victim, white=255)(torch.tensor(frames[:1] / np.float32(255)))
    with pytest.raises(ValueError, match="white is 1 here"):
        ScaledLogits(victim)(torch.tensor(frames[:1], dtype=torch.float32))
    with pytest.raises(ValueError, match="0-255 scale"):
        victim.net(torch.tensor(frames[:1] / np.float32(255)))


@art
def test_arts_pgd_flips_tiny3d_on_both_scales(clips):
    from art.attacks.evasion import ProjectedGradientDescent

    from video_attack.agents.robustness.art_victim import art_classifier

    victim, frames, labels = clips
    for white in (1.0, 255.0):
        model = art_classifier(victim, gradients=True, white=white)
        x = frames.astype(np.float32) * np.float32(white / 255)
        assert (model.predict(x).argmax(1) == victim.scores(frames).argmax(1)).all()
        pgd = ProjectedGradientDescent(
            model, eps=8 * white / 255, eps_step=2 * white / 255, max_iter=10, verbose=False
        )
        found = pgd.generate(x, labels)
        assert np.abs(found - x).max() <= 8.001 * white / 255
        whole = np.rint(found * (255 / white)).astype(np.uint8)
        assert (victim.scores(whole).argmax(1) != labels).mean() >= 0.8


@art
def test_pgd_as_a_contender_asks_only_about_what_it_returns(clips):
    victim, frames, labels = clips
    keys = {
        "method": "ProjectedGradientDescent", "gradients": True,
        "keys": {"eps": 0.04, "eps_step": 0.01, "max_iter": 10},
    }  # fmt: skip
    attack = contender("art", keys, bound="linf", cleanup=0)
    attack.threat_model = rules_of(victim, "linf")
    from video_attack.envs.clip import Clip

    result = attack.run(victim, Clip(frames[0], int(labels[0]), "x"))
    assert result.ledger.first_success == 2 == result.ledger.spent


def rules_of(victim, bound, budget=60):
    from video_attack.agents.attacks.base import ThreatModel
    from video_attack.envs.game.config import GameConfig

    game = GameConfig(budget=budget, cleanup=0)
    return ThreatModel(game, gaussian_noise, 5, len(victim.classes), 16, BOUNDS[bound])


@art
def test_ours_is_an_attack_of_art_and_both_measure_the_same(clips):
    from art.attacks import EvasionAttack
    from art.metrics import empirical_robustness
    from art.metrics.metrics import SUPPORTED_METHODS, adversarial_accuracy
    from art.utils import compute_success

    from video_attack.agents.robustness.art_evasion import ArenaEvasion
    from video_attack.agents.robustness.art_victim import art_classifier
    from video_attack.envs.metrics.norms import sizes

    victim, frames, labels = clips
    frames, labels = frames[:3], labels[:3]
    model, x = art_classifier(victim), frames.astype(np.float32) / 255
    words = ["env.budget=60", "checkpoint=null"]
    for name in ("square", "simba_dct"):
        ours = ArenaEvasion(model, name, words, seed=1, side_by_side=3)
        assert isinstance(ours, EvasionAttack)
        found = ours.generate(x, labels)
        assert found.dtype == np.float32 and found.shape == x.shape
        flipped = [result.ledger.best is not None for result in ours.results]
        assert sum(flipped) > 0
        asr = np.mean([f for f, r in zip(flipped, ours.results, strict=True) if r.attacked])
        right = np.array([r.attacked for r in ours.results])
        one_hot = np.eye(len(victim.classes))[labels]
        assert compute_success(model, x[right], one_hot[right], found[right]) == pytest.approx(asr)
        left = adversarial_accuracy(model, x, labels, attack_crafter=ours)
        assert left == pytest.approx(1 - asr)
        assert all(r.ledger.spent <= 60 for r in ours.results)
        SUPPORTED_METHODS[name] = {
            "class": functools.partial(ArenaEvasion, attack=name, overrides=words, seed=1)
        }
        theirs = empirical_robustness(model, x, name)
        again = ArenaEvasion(model, name, words, seed=1)
        again.generate(x)
        ours_of = [
            sizes(f, r.ledger.best)["l2"] / np.linalg.norm(f / 255.0)
            for f, r in zip(frames, again.results, strict=True)
            if r.ledger.best is not None
        ]
        assert theirs == pytest.approx(np.mean(ours_of), rel=1e-4)


@art
def test_a_classifier_of_arts_own_answers_in_logits_is_a_victim(clips):
    from art.estimators.classification import PyTorchClassifier

    from video_attack.agents.robustness.art_victim import ArtVictim, art_classifier

    victim, frames, _ = clips
    model = art_classifier(victim, gradients=True)
    assert isinstance(model, PyTorchClassifier)
    assert np.allclose(ArtVictim(model).scores(frames), victim.scores(frames), atol=1e-4)
    with pytest.raises(ValueError, match="from 0 to 1"):
        ArtVictim(model).levels(frames.astype(np.float32))
