"""Protects what a run says of its origin: the victim's hash means its weights or its answers, and a run
goes on only with the victim and the policy that it began with."""

import hashlib
import json
import sys

import pytest

from tests.arena_toys import plain, setup
from tests.toy_net import ToyNet
from tests.toys import BrightnessVictim, QuadrantVictim
from video_attack.agents.core.errors import CheckpointError
from video_attack.agents.evaluation.metadata import fingerprint, note_run
from video_attack.envs.victims.defended import Defended


def test_a_victim_is_known_by_its_weights_or_by_its_answers():
    nets = [ToyNet(frames=8, size=16, short_side=16, seed=seed) for seed in (0, 0, 1)]
    prints = [fingerprint(net) for net in nets]
    assert prints[0] == prints[1] and prints[0]["sha256"] != prints[2]["sha256"]
    assert prints[0]["uncounted_queries"] == 0
    victim = BrightnessVictim()
    found = fingerprint(victim)
    assert victim.clips == found["uncounted_queries"] == 3
    assert found == fingerprint(BrightnessVictim())


def test_a_run_goes_on_only_with_the_victim_and_the_policy_that_it_began_with(tmp_path):
    policy = tmp_path / "policy.pt"
    policy.write_bytes(b"one")
    config = plain(checkpoint=str(policy))
    built = setup(config, ToyNet(frames=8, size=16, short_side=16, seed=0))
    note_run(built, config, tmp_path)
    note_run(built, config, tmp_path)
    facts = json.loads((tmp_path / "run.json").read_text())
    assert facts["resumes"] == 1 and facts["seed"] == 0 and "numpy" in facts["versions"]
    assert facts["budget"] == 30 and facts["classes"] == list(built.victim.classes)
    assert facts["policy"] == hashlib.sha256(b"one").hexdigest()
    assert facts["victim"] == fingerprint(built.victim) and facts["command"] == sys.argv[1:]
    other = setup(config, ToyNet(frames=8, size=16, short_side=16, seed=1))
    with pytest.raises(CheckpointError, match="the victim is not the one"):
        note_run(other, config, tmp_path)
    policy.write_bytes(b"two")
    with pytest.raises(CheckpointError, match="the policy is not the one"):
        note_run(built, config, tmp_path)


def test_a_policy_is_the_file_or_the_one_in_a_folder_or_none(tmp_path):
    (tmp_path / "policy.pt").write_bytes(b"one")
    built = setup(plain(), BrightnessVictim())
    digest = hashlib.sha256(b"one").hexdigest()
    for number, (named, policy) in enumerate(
        [(str(tmp_path), digest), (None, None), (str(tmp_path / "not there"), None)]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        note_run(built, plain(checkpoint=named), folder)
        assert json.loads((folder / "run.json").read_text())["policy"] == policy


def test_a_victim_known_by_its_answers_alone_may_differ_in_them(tmp_path):
    """Another machine answers otherwise in the last digits."""
    built, other = setup(plain(), BrightnessVictim()), setup(plain(), QuadrantVictim())
    note_run(built, plain(), tmp_path)
    note_run(other, plain(), tmp_path)
    facts = json.loads((tmp_path / "run.json").read_text())
    assert facts["resumes"] == 1 and facts["victim"] == fingerprint(built.victim)


def test_a_defence_does_not_change_whose_weights_they_are():
    net = ToyNet(frames=8, size=16, short_side=16, seed=0)
    assert fingerprint(Defended(net, lambda clip, rng: clip)) == fingerprint(net)
