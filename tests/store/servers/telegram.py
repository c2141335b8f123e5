"""A strict emulator of the parts of Telegram's Bot API that a store uses: what a bot may not do, its limits, its refusals.

Times are those of a clock that may run faster (`scale`): limits then refill sooner, and say so.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

LARGEST_SENT, LARGEST_GOT = 50 * 1024 * 1024, 20 * 1024 * 1024
PER_S, PER_CHAT_S, PER_GROUP_MINUTE = 30, 1.0, 20
LINK_S = 3600.0
DELETED_WITHIN_S = 48 * 3600.0
MOST_CAPTION = 1024


@dataclass
class Chat:
    """One chat with a bot in it."""

    number: int = -1_001_234_567_890
    token: str = "123456:bot-word"
    kind: str = "channel"
    scale: float = 1.0
    may: set[str] = field(default_factory=lambda: {"send", "pin", "delete"})
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    pinned: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[Any] = field(default_factory=list)  # asked in turn before each request, with its method

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._asked: list[float] = []
        self._said: list[float] = []
        self._links: dict[str, tuple[str, float]] = {}
        self._last = 0

    def now_s(self) -> float:
        """Return the chat's own time."""
        return (time.monotonic() - self._began) * self.scale

    def app(self) -> Starlette:
        """Return what answers as the Bot API."""
        return Starlette(
            routes=[
                Route("/bot{token}/{method}", self._api, methods=["GET", "POST"]),
                Route("/file/bot{token}/{path:path}", self._file),
            ]
        )

    async def _api(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "")
        given: dict[str, Any] = {}
        if kind.startswith("multipart/form-data"):
            async with request.form() as form:
                given = {name: value if isinstance(value, str) else await value.read() for name, value in form.items()}
        elif kind.startswith("application/json"):
            given = await request.json()
        with self._lock:
            response = self._answer(request.path_params["token"], request.path_params["method"], given)
            self.statuses[response.status_code] += 1
        return response

    def _answer(self, token: str, method: str, given: dict[str, Any]) -> Response:
        for fault in list(self.faults):
            response = fault(method)
            if response is not None:
                return response
        if token != self.token:
            return refusal(401, "Unauthorized")
        now = self.now_s()
        self._asked = [at for at in self._asked if now - at < 1.0]
        if len(self._asked) >= PER_S:
            return self._too_many(1.0)
        self._asked.append(now)
        act = {
            "getChat": self._get_chat,
            "sendDocument": self._send,
            "pinChatMessage": self._pin,
            "getFile": self._get_file,
            "deleteMessage": self._delete,
        }.get(method)
        if act is None:
            return refusal(404, "Not Found: method not found")
        if method != "getFile" and str(given.get("chat_id")) != str(self.number):
            return refusal(400, "Bad Request: chat not found")
        return act(given, now)

    def _too_many(self, wait_s: float) -> Response:
        wait = max(1, round(wait_s))  # Telegram says whole seconds
        body = {"ok": False, "error_code": 429, "description": f"Too Many Requests: retry after {wait}",
                "parameters": {"retry_after": wait / self.scale}}  # fmt: skip
        return JSONResponse(body, 429)

    # -- methods --------------------------------------------------------------------------------

    def _get_chat(self, given: dict[str, Any], now: float) -> Response:
        chat: dict[str, Any] = {"id": self.number, "type": self.kind}
        if self.pinned:
            chat["pinned_message"] = self.messages[self.pinned[-1]]
        return well(chat)

    def _send(self, given: dict[str, Any], now: float) -> Response:
        if "send" not in self.may:
            return refusal(400, "Bad Request: have no rights to send a message")
        self._said = [at for at in self._said if now - at < 60.0]
        if self._said and now - self._said[-1] < PER_CHAT_S:
            return self._too_many(PER_CHAT_S - (now - self._said[-1]))
        if self.kind in ("group", "supergroup") and len(self._said) >= PER_GROUP_MINUTE:
            return self._too_many(60.0 - (now - self._said[0]))
        data = given.get("document")
        if not isinstance(data, bytes):
            return refusal(400, "Bad Request: there is no document in the request")
        if len(data) > LARGEST_SENT:
            return refusal(413, "Request Entity Too Large")
        caption = given.get("caption", "")
        if len(caption) > MOST_CAPTION:
            return refusal(400, "Bad Request: message caption is too long")
        self._said.append(now)
        self._last += 1
        file = f"BQAC-{self._last:08d}"
        self.files[file] = data
        self.messages[self._last] = {
            "message_id": self._last,
            "date": now,
            "caption": caption,
            "document": {"file_id": file, "file_unique_id": f"u{self._last}", "file_size": len(data)},
        }
        return well(self.messages[self._last])

    def _pin(self, given: dict[str, Any], now: float) -> Response:
        if "pin" not in self.may:
            return refusal(400, "Bad Request: not enough rights to manage pinned messages in the chat")
        if given["message_id"] not in self.messages:
            return refusal(400, "Bad Request: message to pin not found")
        self.pinned.append(given["message_id"])
        return well(True)

    def _get_file(self, given: dict[str, Any], now: float) -> Response:
        file = given.get("file_id", "")
        if file not in self.files:
            return refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(self.files[file]) > LARGEST_GOT:
            return refusal(400, "Bad Request: file is too big")
        path = f"documents/{file}-{int(now)}"
        self._links[path] = (file, now + LINK_S)
        return well({"file_id": file, "file_size": len(self.files[file]), "file_path": path})

    def _delete(self, given: dict[str, Any], now: float) -> Response:
        message = self.messages.get(given["message_id"])
        if message is None:
            return refusal(400, "Bad Request: message to delete not found")
        if "delete" not in self.may and now - message["date"] > DELETED_WITHIN_S:
            return refusal(400, "Bad Request: message can't be deleted")
        self.forget(given["message_id"])
        return well(True)

    def forget(self, message: int) -> None:
        """Let a message be gone, with its document."""
        self.files.pop(self.messages.pop(message)["document"]["file_id"], None)
        self.pinned = [pinned for pinned in self.pinned if pinned != message]

    async def _file(self, request: Request) -> Response:
        with self._lock:
            file, until = self._links.get(request.path_params["path"], ("", 0.0))
            if request.path_params["token"] != self.token or file not in self.files or self.now_s() > until:
                return refusal(404, "Not Found")
            return Response(self.files[file], media_type="application/octet-stream")


def well(result: Any) -> Response:
    """Return an answer that all is well."""
    return JSONResponse({"ok": True, "result": result})


def refusal(status: int, description: str) -> Response:
    """Return a refusal."""
    return JSONResponse({"ok": False, "error_code": status, "description": description}, status)
