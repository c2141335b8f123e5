"""A strict emulator of the parts of Discord's API that a store uses: its limits, its rate limits, its ways to refuse.

Times are those of a clock that may run faster (`scale`): limits then refill sooner, and say so.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

EPOCH_MS = 1_420_070_400_000  # the first second of 2015, from which snowflakes count
LARGEST_FILE, LARGEST_REQUEST = 10 * 1024 * 1024, 25 * 1024 * 1024
MOST_CONTENT, MOST_NONCE, PAGE = 2000, 25, 100
NONCE_S = 300.0  # "the past few minutes"
SIGNED_S = 24 * 3600
PER_S = 50
BAN = 10_000  # invalid requests in ten minutes
LIMITS = {"POST all": (5, 5.0), "GET all": (5, 1.0), "GET one": (30, 10.0), "DELETE one": (5, 5.0)}


@dataclass
class Bucket:
    limit: int
    every_s: float
    left: int
    full_s: float = 0.0


@dataclass
class Channel:
    """One channel, with the bot that may write there."""

    number: int = 1_300_000_000_000_000_001
    token: str = "bot-word"
    scale: float = 1.0
    reads_history: bool = True
    may: set[str] = field(default_factory=lambda: {"send", "attach", "manage"})
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    files: dict[int, bytes] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[Any] = field(default_factory=list)  # asked in turn before each request, as (method, path)
    signed_s: float = SIGNED_S
    base: str = ""
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._began = self.clock()
        self._buckets: dict[str, Bucket] = {}
        self._sent: list[float] = []
        self._nonces: dict[str, tuple[float, int]] = {}
        self._last = 0
        self._key = b"signing key"

    def now_s(self) -> float:
        """Return the channel's own time."""
        return (self.clock() - self._began) * self.scale

    def app(self) -> Starlette:
        """Return what answers as Discord, and as the place that has its attachments."""
        routes = [
            Route("/channels/{channel}/messages", self._api, methods=["GET", "POST"]),
            Route("/channels/{channel}/messages/{message}", self._api, methods=["GET", "DELETE"]),
            Route("/attachments/{message}/{name}", self._attachment),
        ]
        return Starlette(routes=routes)

    async def _api(self, request: Request) -> Response:
        body = await request.body()
        form = await request.form() if request.method == "POST" else None
        with self._lock:
            response = self._answer(request, body, form)
            self.statuses[response.status_code] += 1
        if form is not None:
            await form.close()
        return response

    # -- limits ---------------------------------------------------------------------------------

    def _answer(self, request: Request, body: bytes, form: Any) -> Response:
        self.base = str(request.base_url).rstrip("/")
        for fault in list(self.faults):
            response = fault(request.method, request.url.path)
            if response is not None:
                return response
        if not request.headers.get("user-agent", "").startswith("DiscordBot ("):
            return error(403, 40333, "internal network error")
        if request.headers.get("authorization") != f"Bot {self.token}":
            return error(401, 0, "401: Unauthorized")
        now = self.now_s()
        self._sent = [at for at in self._sent if now - at < 1.0]
        if len(self._sent) >= PER_S:
            return self._too_many(1.0 - (now - self._sent[0]), whole=True)
        self._sent.append(now)
        which = f"{request.method} {'one' if 'message' in request.path_params else 'all'}"
        bucket = self._buckets.setdefault(which, Bucket(*LIMITS[which], LIMITS[which][0]))
        if now >= bucket.full_s:
            bucket.left, bucket.full_s = bucket.limit, now + bucket.every_s
        if bucket.left == 0:
            return self._too_many(bucket.full_s - now, whole=False)
        bucket.left -= 1
        response = self._allowed(request, body, form)
        response.headers["X-RateLimit-Limit"] = str(bucket.limit)
        response.headers["X-RateLimit-Remaining"] = str(bucket.left)
        response.headers["X-RateLimit-Reset-After"] = f"{(bucket.full_s - now) / self.scale:.3f}"
        response.headers["X-RateLimit-Bucket"] = hashlib.md5(which.encode(), usedforsecurity=False).hexdigest()
        return response

    def _too_many(self, wait_s: float, *, whole: bool) -> Response:
        wait = round(wait_s / self.scale, 3) + 0.001
        body = {"message": "You are being rate limited.", "retry_after": wait, "global": whole}
        headers = {"Retry-After": str(max(1, int(wait))), "X-RateLimit-Scope": "global" if whole else "user"}
        return JSONResponse(body, 429, headers=headers)

    # -- calls ----------------------------------------------------------------------------------

    def _allowed(self, request: Request, body: bytes, form: Any) -> Response:
        if request.path_params["channel"] != str(self.number):
            return error(404, 10003, "Unknown Channel")
        if request.method == "POST":
            return self._post(body, form)
        if "message" not in request.path_params:
            return self._page(request)
        number = int(request.path_params["message"])
        if number not in self.messages:
            return error(404, 10008, "Unknown Message")
        if request.method == "DELETE":
            del self.messages[number], self.files[number]
            return Response(status_code=204)
        return JSONResponse(self._shown(number))

    def _page(self, request: Request) -> Response:
        asked = request.query_params
        if len({"before", "after", "around"} & set(asked)) > 1 or not 1 <= int(asked.get("limit", 50)) <= PAGE:
            return error(400, 50035, "Invalid Form Body")
        if not self.reads_history:
            return JSONResponse([])
        before = int(asked.get("before", 1 << 63))
        found = sorted((number for number in self.messages if number < before), reverse=True)
        return JSONResponse([self._shown(number) for number in found[: int(asked.get("limit", 50))]])

    def _post(self, body: bytes, form: Any) -> Response:
        if "send" not in self.may:
            return error(403, 50013, "Missing Permissions")
        if len(body) > LARGEST_REQUEST:
            return error(413, 40005, "Request entity too large")
        about = json.loads(form.get("payload_json") or "{}")
        files = {key: value for key, value in form.items() if key.startswith("files[")}
        if not about.get("content") and not files:
            return error(400, 50006, "Cannot send an empty message")
        if len(about.get("content", "")) > MOST_CONTENT or len(about.get("nonce", "")) > MOST_NONCE or len(files) > 10:
            return error(400, 50035, "Invalid Form Body")
        if files and "attach" not in self.may:
            return error(403, 50013, "Missing Permissions")
        (upload,) = files.values()
        data = upload.file.read()
        if len(data) > LARGEST_FILE:
            return error(413, 40005, "Request entity too large")
        now = self.now_s()
        nonce = about.get("nonce", "")
        if about.get("enforce_nonce") and nonce in self._nonces and now - self._nonces[nonce][0] < NONCE_S:
            known = self._nonces[nonce][1]
            if known in self.messages:
                return JSONResponse(self._shown(known))
        self._last = number = max(self._last + 1, (int(time.time() * 1000) - EPOCH_MS) << 22)
        self._nonces[nonce] = now, number
        self.files[number] = data
        self.messages[number] = {"content": about.get("content", ""), "name": upload.filename, "size": len(data)}
        return JSONResponse(self._shown(number))

    def _shown(self, number: int) -> dict[str, Any]:
        kept = self.messages[number]
        ends = f"{int(time.time() + self.signed_s):x}"
        address = f"{self.base}/attachments/{number}/{kept['name']}?ex={ends}&is=0&hm={self._signature(number, ends)}"
        attached = {"id": str(number + 1), "filename": kept["name"], "size": kept["size"], "url": address}
        return {"id": str(number), "content": kept["content"], "attachments": [attached] if kept["name"] else []}

    def _signature(self, number: int, ends: str) -> str:
        return hmac.new(self._key, f"{number}/{ends}".encode(), hashlib.sha256).hexdigest()

    async def _attachment(self, request: Request) -> Response:
        number, ends = int(request.path_params["message"]), request.query_params.get("ex", "0")
        signed = hmac.compare_digest(request.query_params.get("hm", ""), self._signature(number, ends))
        if not signed or int(ends, 16) < time.time():
            return Response("This content is no longer available.", 404)
        data = self.files.get(number)
        if data is None:
            return Response("", 404)
        wanted = request.headers.get("range", "").removeprefix("bytes=")
        if not wanted:
            return Response(data)
        first, _, last = wanted.partition("-")
        return Response(data[int(first) : int(last) + 1 if last else None], 206)


def error(status: int, code: int, message: str) -> Response:
    """Return an error as Discord says it."""
    return JSONResponse({"message": message, "code": code}, status)
