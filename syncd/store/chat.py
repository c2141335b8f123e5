"""A chat of Telegram as a bot has it: it sends documents, gets them back, pins one, and sees what is pinned.

A bot cannot read what was said. Invariant: no more messages are sent in a time than a chat allows; the bot's token,
which is part of every address, is in no error.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import httpx

from syncd.errors import ObjectMissing, StoreDenied, StoreError, StoreFull, StoreGone
from syncd.store.again import BUDGET_S, Passing
from syncd.store.http import Http

API = "https://api.telegram.org"
# Seconds between two messages: about one a second to a chat, twenty a minute to a group.
GAP_S, GROUP_GAP_S = 1.05, 3.05
LARGEST_DOWNLOAD = 20 * 1024 * 1024  # what a bot may get; it may send 50 MB
LINK_S = 50 * 60.0  # a link is good for an hour at least
LINKS_KEPT = 10_000
WHOLE_KEPT = 2  # objects kept in memory: only whole ones can be had, and a reader asks for parts
# Words of a refusal -> what that is here, and what to do.
_SAID: tuple[tuple[str, type[StoreError], str], ...] = (
    ("chat not found", StoreGone, "There is no such chat, or the bot is not in it: check the chat's number."),
    ("not enough rights", StoreDenied, "Make the bot an administrator of the chat that may post and pin messages."),
    ("bot was kicked", StoreDenied, "The bot was removed from the chat: add it again."),
    ("bot was blocked", StoreDenied, "The chat's owner has blocked the bot."),
    ("have no rights", StoreDenied, "Let the bot send documents to the chat, and pin messages."),
    ("file is too big", StoreFull, "The chat takes no file as large as a pack; it needs 8 MiB."),
    ("Request Entity Too Large", StoreFull, "The chat takes no file as large as a pack; it needs 8 MiB."),
    ("Unauthorized", StoreDenied, "The bot's token is wrong: `syncd store login` asks for another."),
    ("Not Found", StoreDenied, "The bot's token is wrong: `syncd store login` asks for another."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """Where an object is: the message, the file of it, and its size in bytes."""

    message: int
    file: str
    size: int


class Chat:
    """One chat.

    Args:
        url: of the store, for errors.
        http: asks the Bot API.
        token: the bot's.
        chat: its number.
        gap_s: seconds between two messages; None for what kind of chat it is.
    """

    def __init__(self, url: str, http: Http, token: str, chat: int, gap_s: float | None) -> None:
        self._url, self._http, self._token, self._chat, self._gap_s = url, http, token, chat, gap_s
        self._said_s = float("-inf")  # when a message was sent last
        self._pacing, self._lock = threading.Lock(), threading.Lock()
        self._links: dict[str, tuple[str, float]] = {}
        self._whole: OrderedDict[str, bytes] = OrderedDict()

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def send(self, name: str, data: bytes) -> Kept:
        """Send a document, its name as the caption."""
        form = {
            "chat_id": (None, str(self._chat)),
            "caption": (None, name),
            "disable_notification": (None, "true"),
            "document": ("o", data),
        }
        message = self._call("sendDocument", files=form, says=True)
        return Kept(int(message["message_id"]), str(message["document"]["file_id"]), len(data))

    def document(self, file: str, name: str) -> bytes:
        """Return a document's bytes; the last ones are kept, for who asks for another part.

        Raises:
            ObjectMissing: Telegram has it no more.
        """
        with self._lock:
            data = self._whole.get(file)
        if data is not None:
            return data
        answer = self._http.ask("GET", self._link(file, name), well=(404,))
        if answer.status_code == 404:  # its time was over
            answer = self._http.ask("GET", self._link(file, name, fresh=True), well=(404,))
        if answer.status_code == 404:
            raise ObjectMissing(f"the store {self._url} has lost {name}")
        with self._lock:
            self._whole[file] = answer.content
            while len(self._whole) > WHOLE_KEPT:
                self._whole.popitem(last=False)
        return answer.content

    def is_there(self, file: str, name: str) -> bool:
        """Tell whether Telegram still has a document."""
        try:
            self._link(file, name, fresh=True)
        except ObjectMissing:
            return False
        return True

    def pin(self, message: int) -> None:
        """Pin a message, without a sound."""
        self._call("pinChatMessage", message_id=message, disable_notification=True)

    def pinned(self, budget_s: float = BUDGET_S) -> dict[str, Any] | None:
        """Return the message that was pinned last."""
        chat = self._call("getChat", budget_s=budget_s)
        if self._gap_s is None:
            self._gap_s = GROUP_GAP_S if chat.get("type") in ("group", "supergroup") else GAP_S
        found: dict[str, Any] | None = chat.get("pinned_message")
        return found

    def remove(self, message: int) -> None:
        """Delete a message, if a bot still may: for two days, or as an administrator."""
        with contextlib.suppress(_NoMessageError):
            self._call("deleteMessage", message_id=message)

    def _link(self, file: str, name: str, *, fresh: bool = False) -> str:
        """Return where a file can be had from; the token is part of it, so it is never shown."""
        path, until = self._links.get(file, ("", 0.0))
        if fresh or time.monotonic() > until:
            try:
                path = str(self._call("getFile", file_id=file)["file_path"])
            except _NoFileError as error:
                raise ObjectMissing(f"the store {self._url} has lost {name}") from error
            if len(self._links) > LINKS_KEPT:
                self._links.clear()
            self._links[file] = path, time.monotonic() + LINK_S
        return f"/file/bot{self._token}/{path}"

    def _call(
        self,
        method: str,
        *,
        files: dict[str, Any] | None = None,
        says: bool = False,
        budget_s: float = BUDGET_S,
        **fields: Any,
    ) -> Any:
        """Return the result of a method; `says` is one that sends a message, which Telegram counts."""
        more: dict[str, Any] = {"files": files} if files else {"json": {"chat_id": self._chat, **fields}}
        if method == "getFile":
            more["json"].pop("chat_id")
        try:
            answer = self._http.ask(
                "POST",
                f"/bot{self._token}/{method}",
                before=self._pace if says else lambda: None,
                refusal=lambda response: self._refused(response, method),
                budget_s=budget_s,
                **more,
            )
        finally:
            if says:
                self._paced()
        return answer.json()["result"]

    def _pace(self) -> None:
        with self._pacing:
            now = time.monotonic()
            wait = self._said_s + (GAP_S if self._gap_s is None else self._gap_s) - now
            if wait > 0:
                time.sleep(wait)
            self._said_s = max(now, now + wait)

    def _paced(self) -> None:
        """Count the gap from the answer: a message is counted when it is there, and a long one takes its time."""
        with self._pacing:
            self._said_s = max(self._said_s, time.monotonic())

    def _refused(self, response: httpx.Response, method: str) -> StoreError | None:
        try:
            said = response.json()
        except ValueError:
            return None
        if not isinstance(said, dict):
            return None
        text = str(said.get("description", ""))
        if response.status_code == 429:
            after = float((said.get("parameters") or {}).get("retry_after", 1))
            return Passing(f"the store {self._url} is asked too often", after_s=max(after, 0.001), crowded=True)
        if method == "getFile" and response.status_code == 400:
            return _NoFileError(text)
        if method == "deleteMessage" and response.status_code == 400:
            return _NoMessageError(text)
        for words, kind, hint in _SAID:
            if words in text:
                return kind(f"the store {self._url} says: {text}", hint=hint)
        if response.status_code < 500:
            return StoreError(f"the store {self._url} says: {text or response.status_code}")
        return None


class _NoFileError(StoreError):
    """Telegram has no such file any more."""


class _NoMessageError(StoreError):
    """A message is gone, or may not be deleted any more."""
