"""The way to Postroom: one small HTTP client, whether a Postroom runs or is started in this process for one command.

Rules it keeps: a key goes only to the address it is meant for (the local key never to `--url`), never through a proxy
on the way to this machine, never after a redirect. What is not Postroom's answer is said to be so, not guessed at.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from postroom.cli import local
from postroom.cli.complaint import CommandError, out_of_reach, refused, usage
from postroom.errors import StoreLocked
from postroom.policy.tongue import of_locale

if TYPE_CHECKING:
    import httpx2

    from postroom.cli.command import Where
    from postroom.cli.terminal import Terminal
    from postroom.settings import Settings

__all__ = ["URL_VARIABLE", "Desk", "client_environment", "language", "load_settings", "open_desk", "path_part"]

URL_VARIABLE = "POSTROOM_API_URL"
KEY_VARIABLE = "POSTROOM_API_KEY"
LANGUAGE_VARIABLE = "POSTROOM_LANGUAGE"
_ANSWER_SECONDS = 660  # an instant message may wait ten minutes for the answer to its final dot (RFC 5321, 4.5.3.2.6)
_ALIVE_SECONDS = 5
_KEY = re.compile(r"[A-Za-z0-9_-]{8,200}").fullmatch


class Desk:
    """Asks and answers in JSON. `here` says that the engine runs in this process, for this command only."""

    def __init__(self, client: httpx2.Client, name: str, *, here: bool = False, close: Callable[[], None]) -> None:
        self._client = client
        self._name = name
        self.here = here
        self.tenant = ""
        """Whom the questions are about, when it is not the key's own tenant."""
        self._close = close

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self.ask("GET", path, query=query)

    def post(self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self.ask("POST", path, body=body, headers=headers)

    def patch(self, path: str, body: Any) -> dict[str, Any]:
        return self.ask("PATCH", path, body=body)

    def delete(self, path: str, **query: Any) -> dict[str, Any]:
        return self.ask("DELETE", path, query=query)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The answer as an object; {} when there is none. Raises CommandError for a refusal or when nobody answers."""
        response = self._send(method, path, query, body, headers)
        if not response.content:
            return {}
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise out_of_reach(f"What answers at {self._name} is not Postroom.")
        if response.headers.get("idempotency-replayed") == "true":
            document["again"] = True
        return document

    def raw(self, path: str) -> bytes:
        """The octets of an answer that is not JSON."""
        return self._send("GET", path, None, None, None).content

    def save(self, path: str, query: Mapping[str, Any], into: IO[bytes]) -> int:
        """Writes an answer that may be long into a file, as it comes; how many octets it has."""
        import httpx2

        asked = self._asked(query)
        count = 0
        try:
            with self._client.stream("GET", path, params=asked) as response:
                if response.is_error or response.is_redirect:
                    response.read()
                    raise self._refusal(response)
                for some in response.iter_bytes():
                    count += into.write(some)
        except httpx2.HTTPError as error:
            raise out_of_reach(f"No Postroom answers at {self._name}, or not to the end.", str(error)) from None
        return count

    def events(self, path: str, body: Any) -> Iterator[dict[str, Any]]:
        """The documents of an answer that comes as a stream of events, as they come."""
        import httpx2

        accepted = {"Accept": "text/event-stream, application/json"}
        try:
            with self._client.stream("POST", path, params=self._asked({}), json=body, headers=accepted) as response:
                if response.is_error or response.is_redirect:
                    response.read()
                    raise self._refusal(response)
                for line in response.iter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line.removeprefix("data: "))
        except (httpx2.HTTPError, ValueError) as error:
            raise out_of_reach(f"No Postroom answers at {self._name}, or not to the end.", str(error)) from None

    def stream(self, path: str, lines: Iterable[bytes], headers: Mapping[str, str]) -> Iterator[str]:
        """Sends lines as they are made, and gives the lines of the answer as they come. Raises as `ask`."""
        import httpx2

        asked = {"tenant": self.tenant} if self.tenant else {}
        given = {"content-type": "application/x-ndjson", **headers}
        try:
            with self._client.stream("POST", path, params=asked, content=lines, headers=given) as response:
                if response.is_error or response.is_redirect:
                    response.read()
                    raise self._refusal(response)
                yield from response.iter_lines()
        except httpx2.TimeoutException:
            raise out_of_reach(f"Postroom at {self._name} did not answer in time.") from None
        except httpx2.HTTPError as error:
            raise out_of_reach(f"The connection to {self._name} ended.", str(error)) from None

    def alive(self) -> bool:
        """Whether a Postroom is there. One that is busy or refuses us is there all the same."""
        import httpx2

        try:
            return "json" in self._client.get("/v1/health", timeout=_ALIVE_SECONDS).headers.get("content-type", "")
        except httpx2.HTTPError:
            return False

    def close(self) -> None:
        self._client.close()
        self._close()

    def _send(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Any, headers: Mapping[str, str] | None
    ) -> httpx2.Response:
        import httpx2

        asked = self._asked(query or {})
        try:
            response = self._client.request(method, path, params=asked, json=body, headers=headers)
        except httpx2.TimeoutException:
            raise out_of_reach(f"Postroom at {self._name} did not answer in time.") from None
        except httpx2.HTTPError as error:
            raise out_of_reach(f"No Postroom answers at {self._name}.", str(error)) from None
        if response.is_error or response.is_redirect:
            raise self._refusal(response)
        return response

    def _asked(self, query: Mapping[str, Any]) -> dict[str, Any]:
        asked = {name: value for name, value in query.items() if value not in (None, "")}
        return asked | {"tenant": self.tenant} if self.tenant else asked

    def _refusal(self, response: httpx2.Response) -> CommandError:
        try:
            problem = response.json()
        except ValueError:
            problem = None
        if isinstance(problem, dict) and ("title" in problem or "detail" in problem):
            return refused(problem, response.status_code)
        return out_of_reach(f"What answers at {self._name} is not Postroom (HTTP {response.status_code}).")


def path_part(text: str) -> str:
    """An id or a name as one segment of a path, whatever it holds. Raises CommandError when it can't be one."""
    if text.strip() in ("", ".", ".."):
        raise usage(f"“{text}” names nothing.")
    return quote(text.strip(), safe="")


def client_environment() -> tuple[dict[str, str], str, str]:
    """The environment without what is meant for the command line; then the address and the key found in it."""
    environ = {name: value for name, value in os.environ.items() if name != LANGUAGE_VARIABLE}
    return environ, environ.pop(URL_VARIABLE, "").strip(), environ.pop(KEY_VARIABLE, "").strip()


def language() -> str:
    """The language that is wanted on this terminal: POSTROOM_LANGUAGE, else the locale's (POSIX, 8.2)."""
    names = (LANGUAGE_VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")
    return of_locale(next((os.environ[name] for name in names if os.environ.get(name)), ""))


def load_settings(where: Where, **flags: object) -> Settings:
    """The settings of the Postroom on this machine. Raises BadSettings with every mistake."""
    from postroom.settings import load

    environ, _, _ = client_environment()
    return load(environ, overrides={"data": str(where.data) if where.data else None, **flags})


def open_desk(where: Where, terminal: Terminal, *, delivers: bool = False) -> Desk:
    """A way to the Postroom that `where` means. Raises CommandError when there is none."""
    _, url, key = client_environment()
    url = (where.url or url).rstrip("/")
    key = _checked_key(_read_key(where.key_file) if where.key_file else key)
    if url:
        return _remote(url, key, where, terminal)
    settings = load_settings(where)
    known = local.read(settings.data)
    if known is not None and known.runs:
        desk = _client(known.url, key or known.key)
        if desk.alive():
            return desk
        desk.close()
    file = settings.database.file
    new = file is not None and not file.exists()
    desk = _in_this_process(settings, key, known, delivers)
    if new and file is not None:
        terminal.note(f"There was no Postroom in {file.parent}, so this made a new one. `serve` runs it.")
    return desk


def _remote(url: str, key: str, where: Where, terminal: Terminal) -> Desk:
    parts = _checked(url)
    if not key:
        known = local.read(load_settings(where).data)
        if known is None or known.url != url:
            raise usage(f"Postroom at {url} wants a key.", hint="Give it in POSTROOM_API_KEY or with --key-file.")
        key = known.key
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        terminal.note(f"Warning: {url} is not encrypted; the key and the mail can be read on the way. Use https.")
    return _client(url, key)


def _checked(url: str) -> Any:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and not parts.username and parts.port != 0
    except ValueError:
        good = None
    if not good:
        raise usage(f"“{url}” is not the address of a Postroom.", hint="Write it like https://mail.example.org:8025")
    return parts


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _client(url: str, key: str) -> Desk:
    import httpx2

    client = httpx2.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {key}", "Accept-Language": language()},
        timeout=httpx2.Timeout(_ANSWER_SECONDS, connect=5.0),
        trust_env=not _is_loopback(urlsplit(url).hostname),
    )
    return Desk(client, url, close=lambda: None)


def _in_this_process(settings: Settings, key: str, known: local.Local | None, delivers: bool) -> Desk:
    from postroom.cli import inprocess

    try:
        return inprocess.open_here(settings, key, delivers=delivers)
    except StoreLocked as error:
        address = f" at {known.url}" if known and known.url else ""
        raise out_of_reach(
            f"Postroom runs, but does not answer{address}.", f"{error.text} If it is just starting, try again."
        ) from None


def _read_key(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip() or "?"
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"The key file {path} can't be read: {getattr(error, 'strerror', 'it is not text')}.") from None


def _checked_key(key: str) -> str:
    """The key, unless it could not be one; it is not shown, for it may be a good key with a blot on it."""
    if key and not _KEY(key):
        raise usage("The key that was given does not look like a key of Postroom's.", hint="Keys look like pr_….")
    return key
