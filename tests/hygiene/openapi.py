"""Prints the OpenAPI document of the local API: `make docs` writes it, a test compares it."""

from __future__ import annotations

import json
from typing import Any

from syncd.api.routes import build_app


def document() -> dict[str, Any]:
    return build_app(None).openapi()  # type: ignore[arg-type]


if __name__ == "__main__":
    print(json.dumps(document(), indent=1, sort_keys=True))
