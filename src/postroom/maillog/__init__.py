"""The mail log on standard output: one function for each sentence it can say.

    2026-11-20T09:11:00.123Z sent id=m_0avx… n=0 to=you@example.org account=Relay reply="250 2.0.0 Ok: queued as 4F2"

Rules it keeps: one line for one happening, whatever is in it (P9): values with anything but plain characters are quoted
and escaped, so that no subject, address or server's answer can forge a line or a field. No content, no subject, no
secret is ever a value. Lines are gathered and written in one go, at the latest a moment later and always on the way
out.
"""

from postroom.maillog.lines import MailLog

__all__ = ["MailLog"]
