"""A Django project of the tests' own, set up once in a process: whoever needs Django imports this first."""

from __future__ import annotations

import django
from django.conf import settings

__all__ = ["settings"]

if not settings.configured:
    settings.configure(
        EMAIL_BACKEND="postroom.django.EmailBackend",
        DEFAULT_FROM_EMAIL="Shop <shop@sender.test>",
        SERVER_EMAIL="shop@sender.test",
        ADMINS=[("Ann", "ann@x.test")],
        SECRET_KEY="of the tests",
        ROOT_URLCONF=[],
    )
    django.setup()
