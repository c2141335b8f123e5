"""WebDAV servers: nginx, apache and wsgidav, each with one directory and one user."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.store.servers.process import free_port, listens, program, serving

USER, WORD = "tester", "dav-secret"
NGINX_MODULES = Path("/usr/lib/nginx/modules")
APACHE_MODULES = Path("/usr/lib/apache2/modules")


@contextmanager
def _place() -> Iterator[Path]:
    """Yield a directory that a server's own user reaches, too: where tests have theirs, nobody else may go."""
    root = Path(tempfile.mkdtemp(prefix="dav-"))
    try:
        root.chmod(0o755)
        (root / "data").mkdir()
        (root / "data").chmod(0o777)
        digest = base64.b64encode(hashlib.sha1(WORD.encode(), usedforsecurity=False).digest()).decode()
        (root / "users").write_text(f"{USER}:{{SHA}}{digest}\n")
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def nginx() -> Iterator[str]:
    """Yield where an nginx serves."""
    server = program("nginx", "nginx-light and libnginx-mod-http-dav-ext")
    with _place() as root:
        port = free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        (root / "conf").write_text(
            f"""load_module {NGINX_MODULES}/ngx_http_dav_ext_module.so;
{user}
daemon off; pid {root}/pid; error_log {root}/err.log; worker_processes 2;
events {{ worker_connections 256; }}
http {{
  access_log off; client_max_body_size 20m;
  client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
  uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
  server {{
    listen 127.0.0.1:{port}; root {root}/data;
    location / {{
      auth_basic dav; auth_basic_user_file {root}/users;
      dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS;
    }}
  }}
}}
"""
        )
        with serving([server, "-c", f"{root}/conf", "-e", f"{root}/err.log"], root / "out", lambda: listens(port)):
            yield f"webdav://{USER}@127.0.0.1:{port}"


@contextmanager
def apache() -> Iterator[str]:
    """Yield where an apache with mod_dav serves."""
    server = program("apache2", "apache2")
    with _place() as root:
        port = free_port()
        modules = ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs"]
        modules += ["dav_lock"] if (APACHE_MODULES / "mod_dav_lock.so").exists() else []
        load = "\n".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in modules)
        (root / "lock").mkdir()
        (root / "lock").chmod(0o777)
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        (root / "conf").write_text(
            f"""{load}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {root}/pid
ErrorLog {root}/err.log
{user}
DocumentRoot {root}/data
DavLockDB {root}/lock/db
<Directory {root}/data>
  Dav On
  AuthType Basic
  AuthName dav
  AuthUserFile {root}/users
  Require valid-user
</Directory>
"""
        )
        command = [server, "-f", f"{root}/conf", "-DFOREGROUND"]
        with serving(command, root / "out", lambda: listens(port)):
            yield f"webdav://{USER}@127.0.0.1:{port}"


@contextmanager
def wsgidav() -> Iterator[str]:
    """Yield where a wsgidav serves."""
    server = program("wsgidav", "wsgidav from PyPI")
    with _place() as root:
        port = free_port()
        users = {"*": {USER: {"password": WORD}}}
        config = {
            "host": "127.0.0.1",
            "port": port,
            "provider_mapping": {"/": str(root / "data")},
            "simple_dc": {"user_mapping": users},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "verbose": 1,
            "logging": {"enable": False},
        }
        (root / "conf.json").write_text(json.dumps(config))
        with serving([server, "-c", f"{root}/conf.json"], root / "out", lambda: listens(port)):
            yield f"webdav://{USER}@127.0.0.1:{port}"
