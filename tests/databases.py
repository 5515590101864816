"""The databases that the tests run on, by their URLs."""

from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql

from crm_demo.database import postgresql

# Django asks for mysqlclient, which has to be compiled; PyMySQL answers to its name and needs nothing.
pymysql.install_as_MySQLdb()


def mariadb(url: str) -> dict[str, Any]:
    """Return Django's settings for ``mysql://user:password@host:port/name``, as docs/deployment.md has them."""
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "TEST": {"CHARSET": "utf8mb4"},
        "OPTIONS": {
            "charset": "utf8mb4",
            "isolation_level": "read committed",
            "init_command": "SET time_zone = '+00:00', innodb_lock_wait_timeout = 5, "
            "idle_write_transaction_timeout = 60",
        },
    }


def named(url: str) -> dict[str, Any]:
    """Return Django's settings for the database that a URL names. Raises ValueError for a kind that is not tested."""
    return mariadb(url) if urlsplit(url).scheme in {"mysql", "mariadb"} else postgresql(url)
