"""Who shares the folder: names, what each said last, and who is left out or let in. Nothing here is of the stores."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from textual import work
from textual.app import ComposeResult
from textual.widgets import Static

from syncd.errors import SyncdError
from tui import format as show
from tui import rows
from tui.acting import tell
from tui.dialogs.confirm import Confirm, Line, Typed
from tui.place import Place, bindings
from tui.widgets.virtual_list import VirtualList

REVOKING = (
    "{name} will take part no more, on all devices and for good. It keeps what it has read: that cannot be undone. It "
    "keeps the store's password, too: change that where it had it, and passphrase and words if it knew them."
)


class Devices(Place):
    """Who shares the folder."""

    place = "devices"
    BINDINGS = bindings("devices")
    AUTO_FOCUS = "#devices-list"

    def body(self) -> ComposeResult:
        """Yield the panes."""
        draw = lambda item, width: rows.device(item, width, self.now)  # noqa: E731
        pane = VirtualList(draw, empty="asking", id="devices-list", key=lambda item: item["device"])
        pane.border_title = "Devices"
        yield pane
        yield Static("", id="code", markup=False)

    def changed(self, parts: Collection[str]) -> None:
        """Draw what changed."""
        if "devices" in parts:
            self.query_one("#devices-list", VirtualList).show(self.view.devices)
            if self.view.connected:
                self._ask()

    @work(exclusive=True, group="code", exit_on_error=True)
    async def _ask(self) -> None:
        try:
            answer = await self.dashboard.live.get("/code")
        except SyncdError as error:
            if self.view.connected:
                tell(self.dashboard, error)
            return
        text = (
            f"The code of what this device has seen:  {answer['code']}\nA device that shows the same has seen the same."
            "\nSince: what others said after a device's last word; it may have it all, and have had nothing to say."
            "\nStale: silent for 90 days; nothing waits for it any more."
        )
        self.query_one("#code", Static).update(text)

    def do_rename(self) -> None:
        """Ask for another name of this device."""
        self.app.push_screen(Line("What is this device called?", str(self.view.status.get("device", ""))), self._named)

    def _named(self, name: str | None) -> None:
        if name:
            body = {"what": "rename-device", "name": name}
            self.dashboard.act("/decisions", body, done=f"This device is called {show.safe(name)}.")

    def _marked(self) -> tuple[dict[str, Any], str]:
        item = self.query_one("#devices-list", VirtualList).item or {}
        return item, show.safe(item.get("name") or item.get("device", "")[:8])

    def do_revoke(self) -> None:
        """Ask for the name of the device that is marked, and leave it out."""
        item, name = self._marked()
        if not item or item["this"] or item["revoked"]:
            why = "A device does not revoke itself" if item and item["this"] else "It was revoked already"
            self.app.notify(f"{why}: mark another one.", severity="warning", markup=False)
            return
        self.app.push_screen(Typed(REVOKING.format(name=name), name), lambda yes: self._revoked(yes, item, name))

    def _revoked(self, yes: bool | None, item: dict[str, Any], name: str) -> None:
        if yes:
            body = {"what": "revoke", "name": item["device"]}
            self.dashboard.act("/decisions", body, done=f"{name} is revoked.")

    def do_welcome(self) -> None:
        """Ask, then let in the device that is marked, or the only one that waits."""
        item, name = self._marked()
        waiting = [one for one in self.view.devices if one["waits"]]
        if not item.get("waits") and len(waiting) == 1:
            item = dict(waiting[0])
            name = show.safe(item["name"] or item["device"][:8])
        if not item.get("waits"):
            self.app.notify("Mark the device that waits.", severity="warning", markup=False)
            return
        ask = f"{name} joined with keys from before a revocation. Do you know it?"
        self.app.push_screen(Confirm(ask, "Let it in"), lambda yes: self._let_in(yes, item["device"], name))

    def _let_in(self, yes: bool | None, device: str, name: str) -> None:
        if yes:
            self.dashboard.act("/decisions", {"what": "approve-device", "name": device}, done=f"{name} takes part.")

    def do_rotate(self) -> None:
        """Ask, then seal with new keys from now on."""
        ask = "Seal what is stored from now on with new keys? Every device, the passphrase and the words get them."
        self.app.push_screen(Confirm(ask, "New keys"), self._rotate)

    def _rotate(self, yes: bool | None) -> None:
        if yes:
            done = "What is stored from now on is sealed with new keys."
            self.dashboard.act("/decisions", {"what": "rotate"}, done=done)
