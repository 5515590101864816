"""Columns that several models share: SIDs, and secrets that are encrypted at rest."""

import base64
import hashlib
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models
from encrypted_fields.fields import EncryptedTextField

from flex_outbound import addresses, sids
from flex_outbound.conf import conf

_TOKEN_PREFIX = "gAAAAA"  # noqa: S105  # every Fernet token starts so: version 0x80 and the high bytes of the time
_TOKEN_LENGTH = 100  # the least: 73 bytes in base64
_ITERATIONS = 100_000
_SALT = "flex_outbound"
"""Sets our keys apart from others that are derived from the same SECRET_KEY. It is no secret, and need not be one."""


class SidField(models.CharField):
    """A Twilio SID of one kind, validated by forms and ``full_clean``."""

    def __init__(self, *args: Any, kind: sids.SidKind | str, **kwargs: Any) -> None:
        self.kind = sids.SidKind(kind)
        kwargs["max_length"] = sids.LENGTH
        super().__init__(*args, **kwargs)
        self.validators = [*self.validators, sids.validator(self.kind)]

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        """Keep the kind, which is ours, and leave out the length, which follows from it."""
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return name, path, args, {**kwargs, "kind": self.kind.value}


class SidKeyField(models.UUIDField):
    """The 32 hexadecimal digits of a SID, as a UUID, for a SID that is a primary key. Foreign keys follow.

    MariaDB's type for UUIDs refuses a version digit of 8 or more beside a variant digit below 8, which every fourth SID
    has; INSERT IGNORE keeps zeros instead. So the column is text there, as Django itself has it on MySQL. Source:
    https://mariadb.com/docs/server/reference/data-types/string-data-types/uuid-data-type
    """

    def db_type(self, connection: Any) -> str | None:
        """Return text for MariaDB, else Django's choice."""
        return f"char({self.max_length})" if connection.vendor == "mysql" else super().db_type(connection)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Return what such a column keeps: the digits alone on MariaDB. Django makes a UUID of what it reads there."""
        value = super().get_db_prep_value(value, connection, prepared)
        return value.hex if isinstance(value, UUID) and connection.vendor == "mysql" else value


class ExactField(models.CharField):
    """Text of which every letter counts: what differs in case only is different, on every database.

    MariaDB and MySQL compare by the column's collation, and their own take "bea" and "Bea" for equal; chat identities
    and keys of contacts may differ in just that. Columns that are compared with each other need the same collation, or
    no index is used. Source: https://mariadb.com/docs/server/reference/data-types/string-data-types/character-sets
    """

    def db_parameters(self, connection: Any) -> Any:
        """Return the column's parameters as Django has them, on MariaDB with a collation that compares the bytes."""
        given = super().db_parameters(connection)
        return {**given, "collation": "utf8mb4_bin"} if connection.vendor == "mysql" else given


@lru_cache(maxsize=16)
def _derived_key(secret: str, salt: str) -> bytes:
    derived = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt.encode(), _ITERATIONS, dklen=32)
    return base64.urlsafe_b64encode(derived)


def is_token(value: object) -> bool:
    """Tell whether a value is ciphertext, that is, a secret that none of the keys could open."""
    if not isinstance(value, str) or not value.startswith(_TOKEN_PREFIX) or len(value) < _TOKEN_LENGTH:
        return False
    try:
        return bool(base64.b64decode(value, altchars=b"-_", validate=True))
    except ValueError:
        return False


class AddressKeyField(ExactField):
    """The key of the address in another column, for comparing; written whenever a row is saved."""

    def __init__(self, *args: Any, of: str, **kwargs: Any) -> None:
        self.of = of
        super().__init__(*args, **{"max_length": 254, "editable": False, **kwargs})

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        """Keep the other column's name."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Compute the key."""
        value = addresses.key(getattr(model_instance, self.of))[:254]
        setattr(model_instance, self.attname, value)
        return value


class SecretField(EncryptedTextField):  # type: ignore[misc]
    """Text encrypted at rest by django-fernet-encrypted-fields.

    Over the library: ``SALT_KEY`` is not needed; keys may come from ``FLEX_OUTBOUND["ENCRYPTION_KEYS"]``; they are read
    live, so that a key can be rotated without a restart of the tests; ``dumpdata`` carries the ciphertext, never the
    secret; and a value that no key opens is written back as it was instead of being encrypted a second time.
    """

    @property
    def keys(self) -> list[bytes]:
        """Fernet keys, the one that encrypts first."""
        if conf.encryption_keys:
            return [key.encode() for key in conf.encryption_keys]
        given: Any = getattr(settings, "SALT_KEY", None) or ()
        salts = [given] if isinstance(given, str) else list(given)
        secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        # The salt of our own is last: what was encrypted before a project set SALT_KEY can still be read.
        return [_derived_key(secret, salt) for salt in (*salts, _SALT) for secret in secrets]

    @property
    def f(self) -> MultiFernet:
        """The library's hook: what encrypts and decrypts."""
        return MultiFernet([Fernet(key) for key in self.keys])

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt on the way to the database; "" stays "", so that the column is never null."""
        if not value:
            return ""
        return value if is_token(value) else super().get_prep_value(value)

    def value_to_string(self, obj: models.Model) -> str:
        """Serialize the ciphertext: a fixture must not carry a secret."""
        return str(self.get_prep_value(self.value_from_object(obj)))
