"""Protects what a run says of its origin: the victim's hash means its weights or its answers, and a run
goes on only with the victim and the policy that it began with."""

import json

import pytest

from tests.arena_toys import plain, setup
from tests.toy_net import ToyNet
from tests.toys import BrightnessVictim
from video_attack.agents.core.errors import CheckpointError
from video_attack.agents.evaluation.metadata import fingerprint, note_run


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
    other = setup(config, ToyNet(frames=8, size=16, short_side=16, seed=1))
    with pytest.raises(CheckpointError, match="the victim is not the one"):
        note_run(other, config, tmp_path)
    policy.write_bytes(b"two")
    with pytest.raises(CheckpointError, match="the policy is not the one"):
        note_run(built, config, tmp_path)
