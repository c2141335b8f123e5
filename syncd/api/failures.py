"""What an error of ours is in HTTP: a status by its kind, and a body that says cause, next step and exit code.

Invariant: whatever goes wrong is answered with one shape, `schema.Failure`, and none without a message.
"""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from syncd.api import schema
from syncd.errors import AgentAbsent, Busy, Failed, Locked, NeedsAttention, PathUnknown, SyncdError, UsageError
from syncd.errors import VersionUnknown as NoVersion

# What an error's kind is in HTTP: the first that fits.
HTTP_STATUS: tuple[tuple[type[SyncdError], int], ...] = (
    (PathUnknown, 404),
    (NoVersion, 404),
    (UsageError, 422),
    (Busy, 409),
    (NeedsAttention, 409),
    (Locked, 409),
    (AgentAbsent, 503),
    (Failed, 502),
)
FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": schema.Failure, "description": text}
    for status, text in (
        (404, "no such path, version or operation"),
        (409, "it needs a person, or somebody else is at it"),
        (413, "the request is too long"),
        (422, "the request is wrong"),
        (502, "the store, the disk or the agent failed"),
    )
}


def answer_failures(app: FastAPI) -> None:
    """Have an application answer with them."""

    @app.exception_handler(SyncdError)
    async def failed(request: Request, error: SyncdError) -> JSONResponse:
        status = next((status for kind, status in HTTP_STATUS if isinstance(error, kind)), 502)
        body = {"code": error.code, "message": error.message, "hint": error.hint, "exit": error.exit}
        return JSONResponse(body, status_code=status)

    @app.exception_handler(OSError)
    async def broken(request: Request, error: OSError) -> JSONResponse:
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        text = f"{where}{error.strerror or error}"
        return JSONResponse({"code": "failed", "message": text, "hint": "", "exit": 1}, status_code=502)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0] if error.errors() else {"loc": (), "msg": "the request is wrong"}
        where = ".".join(str(part) for part in first["loc"])
        body = {"code": "usage", "message": f"{where}: {first['msg']}", "hint": "See docs/api.md.", "exit": 2}
        return JSONResponse(body, status_code=422)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        text = f"{request.method} {request.url.path}: {error.detail.lower()}"
        body = {"code": "usage", "message": text, "hint": "See docs/api.md.", "exit": 2}
        return JSONResponse(body, status_code=error.status_code, headers=error.headers)
