"""Protects the victim behind a defence: the same clip has the same answer, whatever is asked beside
it; votes are counted fairly; it works in the game, in the actor and with each shipped yaml."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import yaml
from conformance import play
from hydra import compose, initialize_config_dir
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from toys import BrightnessVictim, CountingVictim, QuadrantVictim, softmax, toy_env

from video_attack.agents.cluster.victim_server import VictimServer
from video_attack.agents.configs import command_line as config
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.setup.attack_setup import make_victim
from video_attack.envs.victims.base import Victim
from video_attack.envs.victims.defences.bit_depth import bit_depth
from video_attack.envs.victims.defended import Defended, count_votes

ROOT = Path(__file__).parents[1]
YAMLS = {path.stem: yaml.safe_load(path.read_text()) for path in ROOT.glob("conf/defence/*.yaml")}


def shipped(name):
    """A defence with the keys of its yaml."""
    keys = {key: value for key, value in YAMLS[name].items() if key not in ("votes", "seed")}
    return build("defence", keys)


def rng(seed=0):
    return np.random.default_rng(seed)


def noise(shape=(8, 32, 32), seed=0):
    return rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("defend", "votes", "words"),
    [
        (shipped("jpeg"), 0, "votes=0: must be at least 1"),
        (shipped("jpeg"), 9, "votes=9.*nothing at random.*votes=1"),
        (lambda clip, rng: clip[:-1], 1, r"\(8, 32, 32, 3\) into \(7, 32, 32, 3\)"),
        (lambda clip, rng: clip / 255, 1, "uint8"),
        (lambda clip, rng: noise(seed=None), 1, "in two ways.*rng only"),
    ],
)
def test_a_defence_that_cannot_keep_the_victims_promises_is_refused(defend, votes, words):
    with pytest.raises(ValueError, match=words):
        Defended(BrightnessVictim(), defend, votes=votes)


class PixelVictim(CountingVictim):
    """As many classes as frames: the frame wins whose middle pixel is brightest."""

    classes = tuple("abcdefgh")

    def answer(self, clips):
        return softmax(clips[:, :, 16, 16, 0] / 32)


@pytest.mark.parametrize("votes", [1, 4])
@pytest.mark.parametrize("name", ["chain", "gaussian_noise", "random_resize", "temporal_shuffle"])
def test_an_answer_depends_on_the_clip_and_the_seed_alone(name, votes):
    victim = Defended(PixelVictim(), shipped(name), votes=votes, seed=5)
    clips = np.stack([noise(seed=s) for s in range(7)])
    scores = victim.scores(clips)
    order = rng().permutation(7)
    assert np.array_equal(victim.scores(clips[order]), scores[order])
    assert np.array_equal(victim.scores(clips[2:3]), scores[2:3])
    rebuilt = Defended(PixelVictim(), shipped(name), votes=votes, seed=5)
    assert np.array_equal(rebuilt.scores(np.asfortranarray(clips)), scores)
    other = Defended(PixelVictim(), shipped(name), votes=votes, seed=6)
    assert not np.array_equal(other.scores(clips), scores)


def test_one_version_passes_the_victims_own_scores_on():
    victim, clips = QuadrantVictim(), np.stack([noise(seed=s) for s in range(3)])
    wanted = victim.scores(np.stack([bit_depth(clip, rng(), bits=3) for clip in clips]))
    assert np.array_equal(Defended(victim, shipped("bit_depth")).scores(clips), wanted)


def test_a_defence_may_overwrite_its_clip():
    def wipe(clip, rng):
        clip[:] = 0
        return clip

    clips = noise()[None]
    clips.flags.writeable = False
    Defended(BrightnessVictim(), wipe).scores(clips)


def test_the_victim_never_gets_more_than_it_takes_at_once():
    inner = BrightnessVictim()
    inner.max_batch, before = 10, inner.clips
    victim = Defended(inner, shipped("gaussian_noise"), votes=3)
    assert inner.clips == before, "building asks nothing"
    victim.scores(np.stack([noise(seed=s) for s in range(8)]))
    assert inner.batches == [9, 9, 6]


def test_votes_make_random_answers_steadier():
    def flips(votes):
        clip = np.full((8, 32, 32, 3), 118, np.uint8)  # dark by a little less than the noise

        def flicker(frames, rng):
            return np.clip(frames + rng.normal(0, 20), 0, 255).astype(np.uint8)

        answers = [
            Defended(BrightnessVictim(), flicker, votes=votes, seed=seed).scores(clip[None])
            for seed in range(100)
        ]
        return np.mean([scores.argmax() != 0 for scores in answers])

    single = flips(1)
    assert single > 0.15 and flips(25) < 0.5 * single


@given(seed=st.integers(0, 10**6), votes=st.integers(1, 6), classes=st.integers(2, 5))
@settings(max_examples=60, deadline=None)
def test_shares_of_votes_have_one_winner_with_the_most_votes(seed, votes, classes):
    scores = rng(seed).dirichlet(np.ones(classes), (20, votes)).astype(np.float32)
    shares = count_votes(scores)
    assert shares.dtype == np.float32 and np.allclose(shares.sum(axis=1), 1)
    for row, ballots in zip(shares, scores, strict=True):
        counts = np.bincount(ballots.argmax(axis=1), minlength=classes)
        best = np.flatnonzero(counts == counts.max())
        assert (row == row.max()).sum() == 1
        assert row.argmax() == best[ballots.mean(axis=0)[best].argmax()]
        assert len(best) > 1 or np.allclose(row, counts / votes)
        assert set(np.flatnonzero(row)) == set(np.flatnonzero(counts)), "no fine scores leak"


def test_a_tie_is_decided_by_one_vote_more():
    scores = np.array([[[0.6, 0.4, 0], [0.1, 0.9, 0]]], np.float32)
    assert np.allclose(count_votes(scores), [[1 / 3, 2 / 3, 0]])


def test_a_defended_victim_in_the_game():
    inner = BrightnessVictim()
    env = toy_env(Defended(inner, shipped("gaussian_noise"), votes=3), budget=6, cleanup=2)
    for seed in range(6):
        play(env, seed)
    assert inner.clips == 3 * env.queries > 0, "a query is one query, whatever it costs the victim"


@pytest.fixture(scope="module")
def composed():
    config.prepare()
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        yield lambda script, *overrides: OmegaConf.to_container(
            compose(script, overrides=[*overrides, "run_dir=x"]), resolve=True
        )


@pytest.mark.parametrize("name", sorted(YAMLS))
def test_every_choice_makes_a_victim(composed, name):
    plain = [f"defence={name}", "model.feedback=topk", "model.top_k=3", "model.max_batch=18"]
    train, evaluate = composed("train", *plain), composed("evaluate", "checkpoint=x", *plain)
    assert train["defence"] == evaluate["defence"] == YAMLS[name]
    victim: Victim = make_victim(train)
    assert isinstance(victim, Defended) == (name != "none")
    assert (victim.feedback, victim.top_k) == ("topk", 3)
    assert victim.max_batch == 18 // YAMLS[name].get("votes", 1)
    sampling = victim.sampling
    clip = noise((sampling.frames, sampling.size, sampling.size))[None]
    assert np.isclose(victim.scores(clip).sum(), 1, atol=1e-4)


def test_the_actor_serves_a_defended_victim(composed):
    setting = composed(
        "train", "defence=temporal_shuffle", "defence.votes=3", "model.feedback=label"
    )
    server, victim = VictimServer(setting), make_victim(setting)
    told = server.about()
    assert told["feedback"] == "label" and told["classes"] == victim.classes
    clips = np.stack(
        [noise((victim.sampling.frames, *(2 * [victim.sampling.size])), s) for s in (0, 1)]
    )
    clips.flags.writeable = False  # as they come through Ray
    assert np.array_equal(asyncio.run(server.scores(clips)), victim.scores(clips))


def test_an_unknown_key_is_named(composed):
    setting = composed("train", "defence=jpeg", "+defence.qualty=3")
    with pytest.raises(ConfigError, match=r"defence\.qualty.*allowed.*quality"):
        make_victim(setting)
