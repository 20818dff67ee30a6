"""The Django door: `EMAIL_BACKEND = "postroom.django.EmailBackend"`. See docs/django.md.

Django itself is no requirement of Postroom's; it is there where this is imported.
"""

from postroom.django.backend import EmailBackend

__all__ = ["EmailBackend"]
