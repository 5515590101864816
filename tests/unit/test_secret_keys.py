"""With which keys Twilio's secrets are encrypted and read, as the settings change."""

from typing import Any

import pytest

from flex_outbound.models.fields import SecretField


def sealed(settings: Any, **values: Any) -> str:
    """Encrypt a secret under these settings."""
    put(settings, **values)
    return str(SecretField().get_prep_value("hush"))


def opened(settings: Any, token: str, **values: Any) -> str:
    """Read a secret under these settings."""
    put(settings, **values)
    return str(SecretField().from_db_value(token, None, None))


def put(settings: Any, secret: str = "a" * 50, salt: Any = None, fallbacks: tuple[str, ...] = ()) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = secret, list(fallbacks)
    if salt is None:
        del settings.SALT_KEY
    else:
        settings.SALT_KEY = salt


def test_a_project_without_a_setting_has_a_key(settings: Any) -> None:
    token = sealed(settings)
    assert "hush" not in token
    assert opened(settings, token) == "hush"


@pytest.mark.parametrize("salt", ["", "salt", ["salt", "former"]])
def test_a_salt_that_comes_later_still_reads(settings: Any, salt: Any) -> None:
    assert opened(settings, sealed(settings), salt=salt) == "hush"


def test_a_salt_makes_a_key_of_its_own(settings: Any) -> None:
    token = sealed(settings, salt="salt")
    assert opened(settings, token, salt=["new", "salt"]) == "hush"
    assert opened(settings, token) == token


def test_a_former_secret_key_still_reads(settings: Any) -> None:
    token = sealed(settings)
    assert opened(settings, token, secret="b" * 50, fallbacks=("a" * 50,)) == "hush"
    assert opened(settings, token, secret="b" * 50) == token
