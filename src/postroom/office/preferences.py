"""The office's verbs for what recipients choose: by an application or a person for them, and by themselves.

Recipients have no login. A link that is sealed stands for them (see `secrets.links`): it names a mailbox of a tenant,
and maybe the kinds of mail that it was sent with. Whatever is chosen is written in one transaction with what follows
from it: mail that waits for a digest follows, and the audit trail tells who it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from postroom.addresses import Address, BadAddress
from postroom.clock import now_ms
from postroom.errors import NotFound
from postroom.model.application import Actor, Scope
from postroom.model.audit import Entry, difference
from postroom.model.kind import DIGESTS, Way
from postroom.model.preference import Preference
from postroom.office.changes import Changes, require, tenant_for
from postroom.office.preference_values import PreferenceView, choices_of, chosen_from
from postroom.policy.preference import due_for, mailbox, may_stop, way_of
from postroom.secrets.links import link_token, read_link_token
from postroom.store import digests, messages, preferences, suppressions

__all__ = ["FILES", "PREFERENCES", "PreferenceVerbs", "Reader", "mailbox_named"]

PREFERENCES = "/preferences"
"""The page that a recipient's link leads to; the link's own part comes behind it."""
FILES = "/digest-files"
_LINK_MS = 400 * 24 * 3600 * 1000
_FILE_MS = 60 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Reader:
    """Who comes by a link. `kinds`: what the mail was that it stood in."""

    tenant_id: int
    mailbox: str
    kinds: tuple[str, ...] = ()


class PreferenceVerbs(Changes):
    # -- by an application, or a person -----------------------------------------------------------------------------

    def preference(self, actor: Actor, address: str, tenant_id: int | None = None) -> Future[PreferenceView]:
        """What this recipient chose and may choose; of somebody nobody knows, what holds for everybody.

        Raises NotFound for what is no address.
        """
        require(actor, Scope.RECIPIENTS)
        number, box = tenant_for(actor, tenant_id), mailbox_named(address)
        return self._store.read(lambda c: self._preference_view(c, number, box))

    def change_preference(
        self, actor: Actor, address: str, values: Mapping[str, object], tenant_id: int | None = None
    ) -> Future[PreferenceView]:
        """Chooses for him. Raises BadInput with every fault."""
        require(actor, Scope.RECIPIENTS)
        return self._choose(actor, tenant_for(actor, tenant_id), mailbox_named(address), values)

    def preference_link(self, actor: Actor, address: str, tenant_id: int | None = None) -> tuple[str, int]:
        """A link to the page on which he chooses himself, and until when it is good (ms UTC)."""
        require(actor, Scope.RECIPIENTS)
        number, box, moment = tenant_for(actor, tenant_id), mailbox_named(address), now_ms()
        return self._public(PREFERENCES) + self._token(number, box, (), moment), moment + _LINK_MS

    # -- by the recipient himself -----------------------------------------------------------------------------------

    def personal_link(self, tenant_id: int, box: str, kinds: tuple[str, ...], moment: int) -> str:
        """What stands in a mail to him; nothing where people can't reach this Postroom (`public_url`)."""
        if not self._settings.public_url:
            return ""
        return self._public(PREFERENCES) + self._token(tenant_id, box, kinds, moment)

    def reader(self, token: str) -> Reader:
        """Who comes by this link. Raises NotFound for one that is none of ours, or is over."""
        found = read_link_token(self._ring, "preferences", token, now_ms())
        if found is None:
            raise NotFound("This link is not valid, or not any more.")
        tenant_id, box, kinds = found
        tenant = self.snapshot.tenants.get(tenant_id)
        if tenant is None or tenant.deleted_ms is not None:
            raise NotFound("This link is not valid, or not any more.")
        return Reader(tenant_id, box, tuple(kinds))

    def own_preference(self, reader: Reader) -> Future[PreferenceView]:
        return self._store.read(lambda c: self._preference_view(c, reader.tenant_id, reader.mailbox))

    def choose(self, reader: Reader, values: Mapping[str, object]) -> Future[PreferenceView]:
        """Raises BadInput with every fault."""
        return self._choose(_himself(reader), reader.tenant_id, reader.mailbox, values)

    def stop(self, reader: Reader) -> Future[PreferenceView]:
        """Nothing more of the kinds that the mail was (RFC 8058); done once or often, it is the same."""
        known = {kind.name.casefold(): kind for kind in self.snapshot.kinds_of(reader.tenant_id)}
        names = [name.casefold() for name in reader.kinds]
        # Of a kind that is gone as well: should it be made again, his no is still there.
        stopped = [name for name in names if name not in known or may_stop(known[name])]

        def change(old: Preference) -> Preference:
            return replace(old, ways={**old.ways, **dict.fromkeys(stopped, Way.NONE)})

        return self._changed(_himself(reader), reader.tenant_id, reader.mailbox, change)

    def stop_within(self, connection: Connection, tenant_id: int, box: str, kind: str, moment: int) -> None:
        """The same in somebody else's transaction, for one who complained of a mail of this kind."""
        who = Actor(tenant_id, frozenset(), name="the recipient", door="complaint")
        stopped = {kind.casefold(): Way.NONE}
        self._change_in(connection, who, tenant_id, box, lambda old: replace(old, ways={**old.ways, **stopped}), moment)

    def file_link(self, tenant_id: int, message_id: int, number: str) -> str:
        """Where a file of a mail can be had by who got the digest that names it; nothing without `public_url`."""
        if not self._settings.public_url:
            return ""
        token = link_token(self._ring, "file", [tenant_id, message_id, number], now_ms() + _FILE_MS)
        return f"{self._public(FILES)}{token}"

    def linked_file(self, token: str) -> Future[tuple[bytes, str]]:
        """The mail that a link leads into, and the number of the part that is meant. Raises NotFound."""
        found = read_link_token(self._ring, "file", token, now_ms())
        if found is None:
            raise NotFound("This link is not valid, or not any more.")
        tenant_id, message_id, number = found

        def work(connection: Connection) -> tuple[bytes, str]:
            content = messages.content(connection, tenant_id, message_id)
            if content is None:
                raise NotFound("It is not kept any more.")
            return content, number

        return self._store.read(work)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _token(self, tenant_id: int, box: str, kinds: tuple[str, ...], moment: int) -> str:
        return link_token(self._ring, "preferences", [tenant_id, box, list(kinds)], moment + _LINK_MS)

    def _public(self, path: str) -> str:
        host, port = self._settings.listen
        here = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        return f"{self._settings.public_url.rstrip('/') or here}{path}/"

    def _choose(self, actor: Actor, tenant_id: int, box: str, values: Mapping[str, object]) -> Future[PreferenceView]:
        kinds = self.snapshot.kinds_of(tenant_id)
        choose = self.snapshot.settings(tenant_id).recipients_choose.value
        return self._changed(actor, tenant_id, box, lambda old: chosen_from(values, old, kinds, choose=choose))

    def _changed(
        self, actor: Actor, tenant_id: int, box: str, change: Callable[[Preference], Preference]
    ) -> Future[PreferenceView]:
        moment = now_ms()

        def work(connection: Connection) -> PreferenceView:
            self._existing(connection, tenant_id)
            self._change_in(connection, actor, tenant_id, box, change, moment)
            return self._preference_view(connection, tenant_id, box)

        return self._store.write(work)

    def _change_in(
        self,
        connection: Connection,
        actor: Actor,
        tenant_id: int,
        box: str,
        change: Callable[[Preference], Preference],
        moment: int,
    ) -> None:
        old = preferences.taken_in_hand(connection, tenant_id, box)
        new = change(old)
        if new == old:
            return
        preferences.put(connection, replace(new, updated_ms=moment))
        before, after = difference(old, new)
        self._note(connection, actor, Entry(tenant_id, "preference.changed", moment, None, box, before, after))
        self._replan(connection, new, moment)

    def _replan(self, connection: Connection, new: Preference, moment: int) -> None:
        settings = self.snapshot.settings(new.tenant_id)
        choose, zone = settings.recipients_choose.value, settings.time_zone.value

        def decide(name: str) -> tuple[Way, int]:
            kind = self.snapshot.kind_named(new.tenant_id, name)
            way = Way.AT_ONCE if kind is None else way_of(kind, new, choose=choose)
            return way, due_for(way, new, zone, moment) if way in DIGESTS else moment

        digests.replan(connection, new.tenant_id, new.address, decide, moment, self._store.ids.next)

    def _preference_view(self, connection: Connection, tenant_id: int, box: str) -> PreferenceView:
        self._existing(connection, tenant_id)
        settings = self.snapshot.settings(tenant_id)
        choose = settings.recipients_choose.value
        found = preferences.get(connection, tenant_id, box) or Preference(tenant_id, box)
        suppression = suppressions.get(connection, tenant_id, box)
        over = suppression is not None and suppression.expires_ms is not None and suppression.expires_ms <= now_ms()
        return PreferenceView(
            found,
            choices_of(self.snapshot.kinds_of(tenant_id), found, choose=choose),
            found.language or settings.language.value,
            found.time_zone or settings.time_zone.value,
            choose,
            None if over else suppression,
        )


def mailbox_named(address: str) -> str:
    """Raises NotFound for what is no address."""
    try:
        return mailbox(Address.parse(address))
    except BadAddress:
        raise NotFound("This is no address that anybody could have.") from None


def _himself(reader: Reader) -> Actor:
    return Actor(reader.tenant_id, frozenset(), name="the recipient", door="link")
