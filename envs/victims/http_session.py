"""POST requests over one kept connection: each ends with a whole answer, or with none."""

import http.client
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from video_attack.envs.victims.base import VictimError

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Answer:
    """A whole HTTP response.

    Attributes:
        status: its number, such as 200.
        reason: the words beside it.
        body: what followed, decoded from chunks, not from JSON.
        location: where a redirect leads, or "".
    """

    status: int
    reason: str
    body: bytes
    location: str = ""


class Session:
    """A connection to one URL, opened at need and kept; for one thread.

    Redirects are not followed, and the proxies that environment variables name are not used.

    Args:
        url: http or https; certificates are verified.
        headers: sent with each request.
        timeout: seconds to wait for the connection and for each part of an answer; a whole
            answer may take twice as long.

    Attributes:
        requests: requests sent, whatever became of them.

    Raises:
        VictimError: the URL is none that can be posted to.
    """

    def __init__(self, url: str, headers: dict[str, str], timeout: float) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise VictimError(f"model.url={url} is no URL ({error})") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii():
            raise VictimError(f"model.url={url}: write http://host:port/path or https://...")
        if parts.username or parts.password:
            raise VictimError("model.url holds a password, which records would show: use token_env")
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(parts.hostname, port, timeout=timeout)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers, self._timeout, self.requests = headers, timeout, 0

    def post(self, body: bytes, content_type: str, largest: int) -> Answer:
        """Send a request and read the whole answer.

        Args:
            body: what is sent.
            content_type: what the body is.
            largest: bytes of an answer; one of more is not read to its end.

        Raises:
            OSError: no connection, a timeout, or the server hung up.
            http.client.HTTPException: the answer was broken off or is no HTTP.
            VictimError: the answer is larger.
        """
        kept = self._connection.sock is not None
        try:
            return self._exchange(body, content_type, largest)
        except ConnectionError:
            if not kept:
                raise
        # A server may close an idle connection at any time; that is no failure yet.
        return self._exchange(body, content_type, largest)

    def close(self) -> None:
        """Hang up; the next request opens a new connection."""
        self._connection.close()

    def _exchange(self, body: bytes, content_type: str, largest: int) -> Answer:
        self.requests += 1
        headers = {**self._headers, "Content-Type": content_type, "Accept": "application/json"}
        try:
            self._connection.request("POST", self._path, body, headers)
            response = self._connection.getresponse()
            content = self._read(response, largest)
            response.close()  # or the connection would not take another request
        except BaseException:  # also KeyboardInterrupt: a late answer must not meet a later request
            self.close()
            raise
        location = response.getheader("Location") or ""
        return Answer(response.status, response.reason, content, location)

    def _read(self, response: http.client.HTTPResponse, largest: int) -> bytes:
        promised, content = response.length, bytearray()
        end = time.monotonic() + self._timeout
        while part := response.read1(_CHUNK):
            content += part
            if len(content) > largest:
                raise VictimError(
                    f"the endpoint's answer is larger than {largest / 2**20:.1f} MiB, which all scores "
                    "of these clips would fit into: see that model.url is the classifier's, and that it "
                    "answers nothing but scores, top or labels"
                )
            if time.monotonic() > end:
                raise TimeoutError(f"the answer was not whole after {self._timeout:g} s")
        if promised is not None and len(content) < promised:
            raise http.client.IncompleteRead(bytes(content), promised - len(content))
        return bytes(content)
