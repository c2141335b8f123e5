"""Noting which nodes are one entry on this disk: directories of one name, equal files of one name.

What is done to such an entry is done to all of them, but only by whoever had it so: what somebody did before another
node came to its name, they did not do to that one.
"""

from __future__ import annotations

from syncd.engine.published import Published
from syncd.engine.vault import Vault


def meet(vault: Vault) -> None:
    """Note which nodes others stand for here, where those stand as the tree wants them."""
    base, published = vault.state.base, Published(vault)
    met = []
    for node, standing in base.unmet():
        row = base.get(standing)
        if row is None or not row.alive or base.waits(standing):
            continue
        path = base.path_of(standing)
        try:
            stat = vault.disk.exact(path)
            if stat is None or not published.is_so(path, row, stat):
                continue  # what became of it was done before, and a look tells it
        except OSError:
            continue
        met.append(node)
    if met:
        with vault.state.transaction():
            base.meet(met)
