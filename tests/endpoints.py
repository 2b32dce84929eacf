"""An endpoint that answers by brightness, and servers that do not do what they should."""

import json
import time

import numpy as np

from tests.http_servers import Handler, Reply, answer
from tests.toys import FRAMES, SIZE, BrightnessVictim
from video_attack.envs.clip import Frames
from video_attack.envs.victims.endpoint import Endpoint

KEYS = {"frames": FRAMES, "size": SIZE, "short_side": SIZE, "stride": 1, "classes": 3}


CLIPS = np.random.default_rng(0).integers(0, 256, (2, FRAMES, SIZE, SIZE, 3), np.uint8)


TRUTH = BrightnessVictim().answer(CLIPS)


def scores(clips: Frames) -> dict[str, object]:
    return {"scores": BrightnessVictim().answer(clips).tolist()}


good = answer(scores)


def says(found: object, status: int = 200, **headers: str) -> Reply:
    body = found if isinstance(found, bytes) else json.dumps(found).encode()
    return lambda handler, clips: handler.send(body, status, **headers)


def slow(handler: Handler, clips: Frames) -> None:
    """Silent for longer than any patience here."""
    time.sleep(1.0)
    handler.close_connection = True


def dripping(handler: Handler, clips: Frames) -> None:
    """Right, bit by bit: no single wait is too long, but all together are."""
    body = json.dumps(scores(clips)).encode().ljust(400)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for start in range(0, len(body), 40):
        handler.wfile.write(body[start : start + 40])
        time.sleep(0.1)


def dropping(handler: Handler, clips: Frames) -> None:
    """Hangs up without a word."""
    handler.close_connection = True


def cut_off(handler: Handler, clips: Frames) -> None:
    """Promises more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"scores": [[')
    handler.close_connection = True


def one_a_connection(handler: Handler, clips: Frames) -> None:
    """Answers, and hangs up after it has promised to stay."""
    good(handler, clips)
    handler.close_connection = True


def victim(url: str, **keys: object) -> Endpoint:
    return Endpoint(url, **{**KEYS, "backoff": 0.001, "timeout": 5.0, **keys})
