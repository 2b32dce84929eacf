"""A classifier behind HTTP as a victim."""

import base64
import http.client
import io
import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.victims.answers import read_answer
from video_attack.envs.victims.base import Scores, VictimError
from video_attack.envs.victims.custom import CustomVictim, one_line
from video_attack.envs.victims.http_session import Answer, Session

log = logging.getLogger(__name__)
BODIES = {"npy": "application/octet-stream", "json": "application/json"}
_FORMAT = " without scores, top or labels"  # how what is said of an answer of another form ends
_BESIDE = 1 << 20  # bytes of an answer beside its scores, such as a page that tells of an error
_NUMBER = 32  # bytes of a score with its marks; a float has up to 24
_SHOWN = 2000  # bytes that errors are looked for in, at each end of an answer
LONGEST = 60.0  # seconds between two tries at most
# Busy or out of order for now; any other refusal would be repeated for ever.
_PASSING = (408, 425, 429)
_REMEDIES = {
    401: "give model.token_env",
    403: "give model.token_env",
    404: "correct model.url",
    405: "correct model.url, which must take POST",
    413: "lower model.max_batch",
    415: "set model.body to what the server reads",
}


class Endpoint(CustomVictim):
    """Asks a server by POST about up to `max_batch` clips a request, one request at a time.

    The request's body is a .npy file, uint8 (N, T, H, W, 3), RGB (`body="npy"`), or JSON
    `{"shape": [N, T, H, W, 3], "clips": base64 of the same bytes in C order}` (`body="json"`). The
    answer is JSON with one of:

    - `{"scores": [[0.1, ...], ...]}`, N x classes; see `outputs`;
    - `{"top": [[[class, probability], ...], ...]}`, for each clip its best classes;
    - `{"labels": [class, ...]}`, for each clip its class;

    a class being its index or its name. With a server of this kind, `function` being the user's::

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # keeps the connection
            disable_nagle_algorithm = True  # or each answer waits 40 ms

            def do_POST(self):
                size = int(self.headers["Content-Length"])
                clips = numpy.load(io.BytesIO(self.rfile.read(size)))
                answer = json.dumps({"scores": function(clips).tolist()}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

    A try that fails is repeated after `backoff`, 2 `backoff`, 4 `backoff` ... seconds. The ledger
    counts a clip once. Where the server never answered, that is all that can be known. Where it
    did answer (status 5xx, 429, or no such JSON), it has seen the clips, and sees them again:
    these are counted in `repeated` and logged, beside the ledger.

    Args:
        url: http or https; no redirect is followed.
        body: npy or json.
        headers: sent with each request; they are written into the run's folder.
        token_env: environment variable that holds a secret, sent as `Authorization: Bearer ...`.
        token_header: the header that carries it; one of another name carries the secret alone.
        timeout: seconds to wait for a connection and for each part of an answer.
        retries: tries after the first.
        backoff: seconds before the first of these.
        outputs: what scores are: "logits" or "probabilities".
        max_batch: clips of one request.
        **shared: see CustomVictim. Labels or classes must be given: nothing is asked uncounted.

    Attributes:
        asked: batches that were asked about.
        answered: whole HTTP answers.
        repeated: clips that were sent again after an answer that was of no use.

    Raises:
        VictimError: no such URL or variable, no classes; when asked, no answer after all tries, an
            answer that does not fit, or one that tells less than `feedback` says.
        ValueError: a value out of its range.
    """

    changeable = frozenset(
        {"token_env", "token_header", "timeout", "retries", "backoff", "max_batch"}
    )
    needs_trust = (
        "sends clips, and the secret that model.token_env names, to the server that model.url names"
    )

    def __init__(
        self,
        url: str,
        *,
        body: str = "npy",
        headers: Mapping[str, str] | None = None,
        token_env: str | None = None,
        token_header: str = "Authorization",
        timeout: float = 30.0,
        retries: int = 4,
        backoff: float = 0.5,
        outputs: str = "probabilities",
        max_batch: int = 8,
        **shared: Any,
    ) -> None:
        super().__init__(outputs=outputs, max_batch=max_batch, **shared)
        if body not in BODIES:
            raise ValueError(f"body={body!r}: choose one of {', '.join(BODIES)}")
        if timeout <= 0 or retries < 0 or backoff < 0:
            raise ValueError("timeout must be above 0, retries and backoff at least 0")
        if not self.classes:
            raise VictimError("model=http does not know its classes: give model.labels or classes")
        sent = {str(name): str(value) for name, value in (headers or {}).items()}
        if token_env is not None:
            secret = os.environ.get(token_env, "").strip()
            if not secret:
                raise VictimError(
                    f"the environment variable {token_env} (model.token_env) is empty"
                )
            bearer = token_header.lower() == "authorization"
            sent[token_header] = f"Bearer {secret}" if bearer else secret
        self.source, self._body, self._secret = url, body, token_env
        self._retries, self._backoff = retries, backoff
        self._session = Session(url, sent, timeout)
        self.asked = self.answered = self.repeated = 0

    @property
    def requests(self) -> int:
        """Requests sent, first tries and all others."""
        return self._session.requests

    @property
    def retried(self) -> int:
        """Requests beyond one a batch."""
        return self.requests - self.asked

    def ask(self, clips: Frames) -> dict[str, Any]:
        """The decoded answer to uint8 clips (N, T, H, W, 3), after as many tries as it takes."""
        body, reason = encode(clips, self._body), ""
        self.asked += 1
        for number in range(self._retries + 1):
            if number:
                time.sleep(min(self._backoff * 2 ** (number - 1), LONGEST))
            last = number == self._retries
            try:
                answer = self._session.post(body, BODIES[self._body], self._largest(len(clips)))
            except (OSError, http.client.HTTPException) as error:
                reason = f"no answer ({one_line(error)})"
                if not last:
                    log.warning("%s: %s; asking again", self.source, reason)
                continue
            self.answered += 1
            found, reason = self._decode(answer)
            if found is not None:
                return found
            if not last:
                self.repeated += len(clips)
                log.warning(
                    "%s: %s; asking again about clips that it has seen, %s so far beyond what the "
                    "ledger counts", self.source, reason, self.repeated,
                )  # fmt: skip
        remedy = "see that the server runs, or raise model.timeout or model.retries"
        if reason.endswith(_FORMAT):
            remedy = "let it answer as the class video_attack.envs.victims.endpoint.Endpoint says"
        raise VictimError(
            f"{self.source} gave no scores in {self._retries + 1} tries, at last {reason}: {remedy}; what "
            "was finished is kept for resume=true"
        )

    def predict(self, clips: Frames) -> Scores:
        """Probabilities, float32 (N, classes), of uint8 clips (N, T, H, W, 3)."""
        return read_answer(
            self.ask(clips), len(clips), self.classes, self.source,
            outputs=self.outputs, feedback=self.feedback, top_k=self.top_k,
        )  # fmt: skip

    def _largest(self, clips: int) -> int:
        """Bytes of an answer that names each class and its score for each clip, twice over.

        JSON takes up to 40 times as much memory as text, so that this is what an answer may cost.
        """
        names = sum(len(json.dumps(name)) for name in self.classes)
        return _BESIDE + 2 * clips * (names + _NUMBER * len(self.classes))

    def _decode(self, answer: Answer) -> tuple[dict[str, Any] | None, str]:
        """(what was answered, or None and what is wrong with it)."""
        status = f"status {answer.status} {answer.reason}".strip()
        shown = answer.body[:_SHOWN] + answer.body[_SHOWN:][-_SHOWN:]  # a cause may stand last
        said = one_line(ValueError(shown.decode(errors="replace")), 100)
        if 300 <= answer.status < 400:
            raise VictimError(
                f"{self.source} redirects to {urljoin(self.source, answer.location)}, which is not "
                "followed: set model.url to where it leads"
            )
        if 400 <= answer.status < 500 and answer.status not in _PASSING:
            remedy = _REMEDIES.get(answer.status, "see what the server expects")
            if answer.status in (401, 403) and self._secret:
                remedy = f"see that {self._secret} holds the right secret"
            elif answer.status == 413 and self.max_batch == 1:
                remedy = "let the server take larger requests, or lower model.frames or model.size"
            raise VictimError(f"{self.source} refused with {status} ({said!r}): {remedy}")
        if not 200 <= answer.status < 300:
            return None, f"{status} ({said!r})"
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            return None, f"{said!r}, which is no JSON and so{_FORMAT}"
        if not isinstance(found, dict) or not found.keys() & {"scores", "top", "labels"}:
            return None, f"{said!r}{_FORMAT}"
        return found, ""


def encode(clips: Frames, body: str) -> bytes:
    """A request's body: uint8 clips (N, T, H, W, 3) as a .npy file or as JSON."""
    if body == "json":
        packed = base64.b64encode(clips.tobytes()).decode()
        return json.dumps({"shape": clips.shape, "clips": packed}).encode()
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(clips), allow_pickle=False)
    return stream.getvalue()
