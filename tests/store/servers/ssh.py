"""OpenSSH's own server, for this user, with one directory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from tests.store.servers.process import free_port, listens, program, serving


@dataclass(frozen=True)
class Sshd:
    """A running server."""

    port: int
    key: Path
    fingerprint: str
    directory: Path

    def url(self, path: str) -> str:
        user = user_name()
        return f"sftp://{user}@127.0.0.1:{self.port}{self.directory}/{path}?key={self.key}&hostkey={self.fingerprint}"


@contextmanager
def openssh(root: Path) -> Iterator[Sshd]:
    """Yield a server whose sessions may use a directory."""
    sshd = program("sshd", "openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where a privileged server confines what it does not trust
    host, user = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    for name, key in (("host", host), ("user", user)):
        key.write_private_key(str(root / name))
        (root / name).chmod(0o600)
    (root / "authorized").write_bytes(user.export_public_key())
    directory = root / "data"
    directory.mkdir(exist_ok=True)
    port = free_port()
    (root / "sshd.conf").write_text(
        f"""ListenAddress 127.0.0.1
Port {port}
HostKey {root / "host"}
AuthorizedKeysFile {root / "authorized"}
PidFile {root / "pid"}
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
"""
    )
    with serving([sshd, "-D", "-e", "-f", str(root / "sshd.conf")], root / "sshd.log", lambda: listens(port)):
        yield Sshd(port, root / "user", host.get_fingerprint(), directory)


def user_name() -> str:
    """Return who runs this."""
    return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
