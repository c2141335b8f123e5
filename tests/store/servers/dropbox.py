"""A strict emulator of the parts of Dropbox's API that a store uses, with its limits and its ways to refuse.

Each rule is one of the API's own specification: what a request must have is asserted by refusing it as Dropbox does.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncd.store.dropbox import content_hash

LARGEST_UPLOAD = 150 * 1024 * 1024
PAGE = 2000


@dataclass
class Account:
    """What is in a Dropbox, and how it treats who asks."""

    files: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {"token-0"})
    refresh: str = "refresh-word"
    key: str = "app-key"
    space: int = 1 << 40
    faults: list[Callable[[str], Response | None]] = field(default_factory=list)  # asked in turn before each request
    writing: int = 0
    asked: list[str] = field(default_factory=list)
    resets: int = 0  # cursors that will be refused
    page: int = PAGE
    lock: threading.Lock = field(default_factory=threading.Lock)

    def app(self) -> Starlette:
        """Return what answers as Dropbox."""
        calls = {
            "/2/files/upload": self._upload,
            "/2/files/download": self._download,
            "/2/files/get_metadata": self._get_metadata,
            "/2/files/delete_v2": self._delete,
            "/2/files/list_folder": self._list,
            "/2/files/list_folder/continue": self._continue,
        }
        routes = [Route(path, self._opened(path, call), methods=["POST"]) for path, call in calls.items()]
        return Starlette(routes=[*routes, Route("/oauth2/token", self._token, methods=["POST"])])

    # -- who asks -------------------------------------------------------------------------------

    async def _token(self, request: Request) -> Response:
        form = dict(item.split("=", 1) for item in (await request.body()).decode().split("&"))
        if form.get("refresh_token") != self.refresh or form.get("client_id") != self.key:
            return JSONResponse({"error": "invalid_grant"}, 400)
        token = f"token-{len(self.tokens)}-{time.monotonic_ns()}"
        self.tokens.add(token)
        return JSONResponse({"access_token": token, "expires_in": 14400, "token_type": "bearer"})

    def _opened(self, path: str, call: Callable[[Any, bytes, Request], Response]) -> Any:
        async def answer(request: Request) -> Response:
            body = await request.body()
            with self.lock:
                self.asked.append(path)
                token = request.headers.get("authorization", "").removeprefix("Bearer ")
                if token not in self.tokens:
                    return error("expired_access_token/", 401)
                for fault in list(self.faults):
                    response = fault(path)
                    if response is not None:
                        return response
                if "upload" in path or "download" in path:
                    raw = request.headers.get("dropbox-api-arg", "")
                    if not raw.isascii():
                        return Response("Error in call to API function: header is not ASCII", 400)
                else:
                    raw = body.decode()
                    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
                        return Response("Bad HTTP Content-Type header", 400)
                return call(json.loads(raw), body, request)

        return answer

    # -- calls ----------------------------------------------------------------------------------

    def _upload(self, about: Any, body: bytes, request: Request) -> Response:
        if request.headers.get("content-type") not in (
            "application/octet-stream",
            "text/plain; charset=dropbox-cors-hack",
        ):
            return Response("Bad HTTP Content-Type header", 400)
        if len(body) > LARGEST_UPLOAD:
            return error("payload_too_large/", 409)
        path = about["path"]
        if not path.startswith("/") or "//" in path or path.endswith("/"):
            return error("path/malformed_path/", 409)
        if about.get("content_hash", content_hash(body)) != content_hash(body):
            return error("content_hash_mismatch/", 409)
        low = path.lower()
        there = self.files.get(low)
        if there is not None and about.get("mode", "add") == "add":
            if about.get("strict_conflict") or there != body:
                return error("path/conflict/file/", 409)
            return JSONResponse(self._about(low))
        if any(known.startswith(low + "/") for known in self.files):
            return error("path/conflict/folder/", 409)
        if sum(map(len, self.files.values())) + len(body) > self.space:
            return error("path/insufficient_space/", 409)
        self.files[low] = body
        return JSONResponse(self._about(low))

    def _about(self, path: str) -> dict[str, Any]:
        data = self.files[path]
        name = path.rpartition("/")[2]
        return {".tag": "file", "name": name, "path_lower": path, "size": len(data), "content_hash": content_hash(data)}

    def _download(self, about: Any, body: bytes, request: Request) -> Response:
        data = self.files.get(about["path"].lower())
        if data is None:
            return error("path/not_found/", 409)
        wanted = request.headers.get("range", "").removeprefix("bytes=")
        if not wanted:
            return Response(data)
        first, _, last = wanted.partition("-")
        if int(first) >= len(data):
            return Response("", 416)
        return Response(data[int(first) : int(last) + 1 if last else None], 206)

    def _get_metadata(self, about: Any, body: bytes, request: Request) -> Response:
        low = about["path"].lower()
        if low in self.files:
            return JSONResponse(self._about(low))
        return error("path/not_found/", 409)

    def _delete(self, about: Any, body: bytes, request: Request) -> Response:
        low = about["path"].lower()
        if low not in self.files:
            return error("path_lookup/not_found/", 409)
        found = self._about(low)
        del self.files[low]
        return JSONResponse({"metadata": found})

    def _list(self, about: Any, body: bytes, request: Request) -> Response:
        if not 1 <= about.get("limit", PAGE) <= PAGE:
            return Response("limit: out of range", 400)
        low = about["path"].lower()
        inside = sorted(path for path in self.files if path.startswith(low + "/"))
        if not inside:
            return error("path/not_found/", 409)
        return self._page_of(low, about.get("recursive", False), 0, min(self.page, about.get("limit", PAGE)))

    def _page_of(self, low: str, recursive: bool, at: int, limit: int) -> Response:
        inside = sorted(self._inside(low, recursive), key=lambda path: path[::-1])
        entries = [self._about(path) if path in self.files else _folder(path) for path in inside[at : at + limit]]
        cursor = json.dumps([low, recursive, at + limit, limit])
        return JSONResponse({"entries": entries, "cursor": cursor, "has_more": at + limit < len(inside)})

    def _inside(self, low: str, recursive: bool) -> set[str]:
        """Return the files and folders in a folder, or with all below it and itself."""
        files = {path for path in self.files if path.startswith(low + "/")}
        folders = {path[:at] for path in files for at, letter in enumerate(path) if letter == "/" and at >= len(low)}
        if recursive:
            return files | folders
        return {path for path in files | folders if path.rpartition("/")[0] == low}

    def _continue(self, about: Any, body: bytes, request: Request) -> Response:
        if self.resets:
            self.resets -= 1
            return error("reset/", 409)
        return self._page_of(*json.loads(about["cursor"]))


def _folder(path: str) -> dict[str, Any]:
    return {".tag": "folder", "name": path.rpartition("/")[2], "path_lower": path, "path_display": path}


def error(summary: str, status: int) -> Response:
    """Return an error as Dropbox says it."""
    return JSONResponse({"error_summary": f"{summary}..", "error": {".tag": summary.partition("/")[0]}}, status)


def too_many(retry_after: float) -> Response:
    """Return the refusal of who asks too often."""
    body = {
        "error": {"reason": {".tag": "too_many_requests"}, "retry_after": retry_after},
        "error_summary": "too_many_requests/..",
    }
    return JSONResponse(body, 429, headers={"Retry-After": str(retry_after)})
