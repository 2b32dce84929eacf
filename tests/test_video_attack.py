"""The environment keeps PettingZoo's contract and a stricter one, and asks no more than it counts."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conformance import AGENTS, play
from pettingzoo.test import parallel_api_test, parallel_seed_test
from toys import (
    FRAMES,
    BrightnessVictim,
    CountingVictim,
    DarkClips,
    TornClips,
    brighten,
    quadrant_env,
    sample,
    toy_env,
)

from video_attack.envs.clip import Clip
from video_attack.envs.datasets.base import ClipDataset, DatasetError
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.moves import SPATIAL, TEMPORAL
from video_attack.envs.game.observation import THUMBNAIL_CELL, flatten
from video_attack.envs.victims.base import VictimError

VARIANTS = [
    {},
    {"flat_obs": True},
    {"flat_actions": True},
    {"flat_obs": True, "flat_actions": True},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.filterwarnings("error")
def test_pettingzoo_parallel_api(variant):
    parallel_api_test(toy_env(**variant), num_cycles=60)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_pettingzoo_parallel_seed(variant):
    parallel_seed_test(lambda: toy_env(**variant), num_cycles=30)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_conformance_over_many_episodes(variant):
    strong = {"strengths": [32.0, 96.0], "windows": [4, 8]}
    env = toy_env(budget=8, cleanup=2, variants=2, **strong, **variant)
    steps = [len(play(env, seed)) for seed in [*range(60), *[None] * 15]]
    assert min(steps) < 7 == max(steps), "the clean-up and the budget must both have ended some"


@pytest.mark.parametrize("feedback", ["topk", "label"])
@pytest.mark.parametrize("target", ["none", "random", "2"])
@pytest.mark.parametrize("norm", ["l1", "l0", "linf"])
def test_conformance_under_each_threat_model(feedback, target, norm):
    env = quadrant_env(feedback=feedback, top_k=2, target=target, norm=norm, budget=8)
    for seed in range(4):
        play(env, seed)


def test_the_constructor_and_the_spaces_ask_nothing():
    victim = BrightnessVictim()
    env = toy_env(victim)
    for agent in AGENTS:
        env.observation_space(agent), env.action_space(agent)
    assert victim.calls == 0 and env.queries == 0


@pytest.mark.parametrize("cleanup", [0, 5])
def test_the_victims_own_count_is_the_environments(cleanup):
    victim = BrightnessVictim()
    env = toy_env(victim, budget=9, cleanup=cleanup)
    for seed in range(30):
        before = victim.clips
        passed_over = env.queries
        env.reset(seed=seed)
        passed_over = env.queries - passed_over - 1
        while env.agents:
            infos = env.step(sample(env))[-1]
        assert victim.clips == env.queries
        assert victim.clips - before - passed_over == infos["spatial"]["queries"] <= 9


def test_the_clip_can_be_chosen():
    env = toy_env()
    for index in (0, 3, 17):
        env.reset(options={"clip": index})
        assert env.episode.ledger.clip.id == f"dark-{index}"
    with pytest.raises(DatasetError, match="no clip to attack"):
        env.reset(options={"clip": 4})  # the victim gets it wrong


def test_clips_that_the_victim_gets_wrong_are_passed_over():
    env = toy_env()
    seen = set()
    for i in range(150):
        env.reset(seed=None if i else 0)
        seen.add(env.episode.ledger.clip.id)
    assert seen == {f"dark-{i}" for i in range(20) if i % 5 != 4}
    assert env.queries <= 150 + 4, "a clip known to be wrong is not asked about again"


def test_clips_that_cannot_be_read_are_skipped_with_a_warning(caplog):
    env = toy_env(dataset=TornClips({0, 1, 2, 3, 5, 6}, clips=9))
    for i in range(12):
        env.reset(seed=None if i else 0)
        assert env.episode.ledger.clip.id in ("dark-7", "dark-8")
    assert "cannot be decoded; skipped" in caplog.text


@pytest.mark.parametrize(
    "env",
    [
        lambda: toy_env(dataset=TornClips(set(range(20)))),
        lambda: toy_env(CountingVictim(), OneLabel(1)),
        lambda: toy_env(CountingVictim(), OneLabel(0), target="0"),
    ],
    ids=["unreadable", "all wrong", "all of the target class"],
)
def test_a_data_set_without_a_usable_clip_is_an_error(env):
    with pytest.raises(DatasetError, match="no clip to attack"):
        env().reset(seed=0)


def test_a_budget_that_the_clean_query_uses_up_is_an_error_at_once():
    with pytest.raises(ValueError, match=r"env\.budget=1"):
        toy_env(budget=1)


def test_an_empty_data_set_is_an_error_at_once():
    with pytest.raises(DatasetError, match="no clips"):
        toy_env(dataset=DarkClips(clips=0))


class OneLabel(ClipDataset):
    """A single clip, five times."""

    def __init__(self, label):
        self.label = label

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return Clip(DarkClips()[0].frames, self.label, f"one-{index}")


def test_targets_are_wrong_classes_and_one_of_the_target_class_is_passed_over():
    env = quadrant_env(target="random")
    targets = set()
    for seed in range(40):
        env.reset(seed=seed)
        goal = env.episode.ledger.goal
        assert goal.target != goal.label
        targets.add(goal.target)
    assert targets == set(range(6))
    env = quadrant_env(target="2")
    for seed in range(15):
        env.reset(seed=seed)
        assert env.episode.ledger.goal.target == 2 != env.episode.ledger.goal.label
        assert env.episode.margin > 0
    with pytest.raises(ValueError, match=r"env\.target=6"):
        quadrant_env(target="6").reset()


def test_only_the_state_of_the_present_clip_is_observed():
    """Labels of other clips, and of this one's class index, change nothing that is seen."""

    class Shifted(DarkClips):
        def __getitem__(self, index):
            clip = super().__getitem__(index)
            return Clip(clip.frames, clip.label if index == 3 else 1 - clip.label, "x" + clip.id)

    states = []
    for dataset in (DarkClips(), Shifted()):
        env = toy_env(dataset=dataset)
        observations, _ = env.reset(seed=5, options={"clip": 3})
        states.append([flatten(observations[agent]) for agent in AGENTS] + [env.state()])
    assert all(np.array_equal(a, b) for a, b in zip(*states, strict=True))


def test_steps_outside_an_episode_raise():
    env = toy_env(budget=2)
    actions = sample(env)
    for ask in (lambda: env.step(actions), env.state):
        with pytest.raises(RuntimeError, match=r"call reset\(\)"):
            ask()
    env.reset(seed=0)
    env.step(actions)
    assert env.agents == []
    queries = env.queries
    with pytest.raises(RuntimeError, match=r"call reset\(\)"):
        env.step(actions)
    assert env.queries == queries
    env.reset()
    assert env.agents == AGENTS


def test_a_bad_action_costs_nothing_and_changes_nothing():
    env = toy_env()
    env.reset(seed=0)
    env.step(sample(env))
    before = env.episode.canvas.frames.copy(), env.queries
    good = sample(env)
    for bad in ({**good, "spatial": np.full(9, 99)}, {**good, "temporal": np.full(4, -1)}):
        with pytest.raises(ValueError, match="action"):
            env.step(bad)
    with pytest.raises((KeyError, ValueError), match="temporal"):
        env.step({"spatial": good["spatial"]})
    assert np.array_equal(env.episode.canvas.frames, before[0]) and env.queries == before[1]
    env.step(good)


@pytest.mark.parametrize(
    ("distort", "word"),
    [
        (lambda clip, severity, rng: clip / 255, "uint8"),
        (lambda clip, severity, rng: clip[:4], "turned"),
        (lambda clip, severity, rng: clip[..., :1], "shape"),
        (lambda clip, severity, rng: None, "NoneType"),
    ],
    ids=["float", "shorter", "grey", "nothing"],
)
def test_a_bad_distortion_is_named(distort, word):
    with pytest.raises(ValueError, match=f"distortion.*{word}"):
        toy_env(distort=distort).reset(seed=0)


def test_a_distortion_that_writes_into_its_clip_cannot_change_the_original():
    def careless(clip, severity, rng):
        clip[:] = 255
        return clip

    dataset = DarkClips()
    env = toy_env(dataset=dataset, distort=careless)
    try:
        env.reset(options={"clip": 0})
    except ValueError:
        return  # a read-only clip is as good an answer
    assert np.array_equal(env.episode.ledger.clip.frames, dataset[0].frames)
    assert (env.episode.versions[0] == 255).all()


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda n: np.full((n, 3), np.nan), "NaN"),
        (lambda n: np.full((n, 4), 0.25), "number of classes"),
        (lambda n: np.full((n + 1, 3), 1 / 3), "shape"),
    ],
)
def test_a_bad_victim_is_named(answer, word):
    class Bad(CountingVictim):
        def answer(self, clips):
            return answer(len(clips))

    with pytest.raises(VictimError, match=f"Bad answered.*{word}"):
        toy_env(Bad()).reset(seed=0)


def test_the_docstring_states_the_shapes_of_the_spaces():
    env, said = toy_env(), VideoAttackEnv.__doc__
    T, G = FRAMES, env.config.grid
    symbols = {T: "T", G: "G", THUMBNAIL_CELL * G: f"{THUMBNAIL_CELL}G"}
    for agent in AGENTS:
        for name, space in env.observation_space(agent).items():
            first, *rest = space.shape
            shape = ", ".join([str(first), *(symbols[n] for n in rest)]) + ("" if rest else ",")
            kind = "uint8 " if space.dtype == np.uint8 else ""
            assert f"{name} {kind}({shape})" in said
    volumes, status = divmod(env.state_space.shape[0], T * G * G)
    for text in (said, VideoAttackEnv.state.__doc__):
        assert f"float32 ({volumes}*T*G*G + {status},)" in text
    for agent, names in zip(AGENTS, (SPATIAL, TEMPORAL), strict=True):
        assert len(env.action_space(agent).nvec) == len(names)
        assert f"MultiDiscrete [{', '.join(names)}]" in said


def test_pictures():
    env = toy_env(render_mode="rgb_array")
    assert env.render() is None
    env.reset(seed=0)
    shapes = set()
    while env.agents:
        env.step(sample(env))
        picture = env.render()
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[-1] == 3
        shapes.add(picture.shape)
    assert len(shapes) == 1
    silent = toy_env()
    silent.reset(seed=0)
    assert silent.render() is None
    with pytest.raises(ValueError, match="render_mode='window'"):
        toy_env(render_mode="window")


def test_the_environment_needs_neither_ray_nor_hydra():
    code = (
        "import sys, video_attack.envs.video_attack_v1 as e; e.parallel_env;"
        "sys.exit(bool({'ray', 'hydra', 'omegaconf', 'agents'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parent.parent
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_a_plain_function_serves_as_distortion():
    env = VideoAttackEnv(BrightnessVictim(), DarkClips(), brighten)
    play(env, seed=0)
