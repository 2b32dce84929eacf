"""Protects the way to the boundary: how the margin falls on a line, and that clips far past it go there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import GreyClips, actions
from toys import CountingVictim, softmax, toy_env

from video_attack.envs.distortions.texture import texture
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.boundary import INSIDE, POWERS, Line
from video_attack.envs.game.episode import SETTLE
from video_attack.envs.game.mask import perturbation_norm

POSITIVE = st.floats(0.1, 50)


@given(POSITIVE, st.floats(*POWERS), st.floats(0.3, 3), st.floats(1.1, 3))
def test_two_points_of_a_line_show_where_the_boundary_is(boundary, power, share, factor):
    """Of a margin that falls by a power of the norm; the boundary is found a little too far out."""
    line = Line(5.0, 1e9)
    points = [
        (n, 5 * (1 - (n / boundary) ** power))
        for n in (share * boundary, share * boundary * factor)
    ]
    line.learn(*points)
    found = line.boundary_norm(*points[0])
    assert found == pytest.approx(boundary * (1 + INSIDE) ** (1 / power), rel=1e-6)
    assert line.drop(points[0][1], factor) == pytest.approx(
        points[0][1] - points[1][1], rel=1e-6, abs=1e-9
    )


@given(st.floats(0, 50), st.floats(5, 20))
def test_what_does_not_lower_the_margin_needs_the_reference(norm, gap):
    line = Line(5.0, 77.0)
    line.learn((norm, gap), (2 * norm, gap))
    assert line.boundary_norm(norm, gap) == 77.0


class Curved(CountingVictim):
    """Its margin falls with a power of the L2 norm of the change: it is 0 at norm 3."""

    def __init__(self, power):
        super().__init__()
        self.power, self.clean, self.norms = power, None, []

    def answer(self, clips):
        self.clean = clips[0].copy() if self.clean is None else self.clean
        self.norms.append(perturbation_norm(self.clean, clips[0]))
        gap = 5 * (1 - (self.norms[-1] / 3) ** self.power)
        return softmax(np.array([[gap / 2, -gap / 2, -30.0]]))


@pytest.mark.parametrize("power", [0.7, 1.0, 2.0, 4.0])
def test_a_clip_far_past_the_boundary_goes_to_it_by_itself(power):
    rules = {"bound": BoundConfig("none"), "distort": texture, "budget": 12}
    env = toy_env(Curved(power), GreyClips(), **rules)
    env.reset(seed=0)
    spatial = {"rescale": "boundary", "size": 2}
    while not env.episode.flipped:
        env.step(actions(env, **spatial, strength=len(env.config.strengths) - 1))
    far = env.victim.norms[-1]
    for _ in range(SETTLE):
        env.step(actions(env, **spatial, strength=0))
        if env.episode.move.act != "rescale":
            break
    assert abs(env.victim.norms[-1] / 3 - 1) < 0.05 < far / 3 - 1, "where the boundary is"
    assert env.episode.slope[1] == 0 or env.episode.move.act == "paint", "no stroke is credited"
