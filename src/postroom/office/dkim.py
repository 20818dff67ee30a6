"""The office's verbs for DKIM keys: made here or imported, seen in the DNS before they sign, replaced, retired.

Rules kept here: a private key is sealed to its domain, selector and public half and never shown again (P7); no key
signs before its record was seen; when a new key of a domain begins to sign, the old one of its kind retires in the same
transaction; what a look into the DNS may change is `policy.signing.settled`'s to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from postroom.clock import now_ms
from postroom.errors import Conflict, NotFound
from postroom.model.application import Actor, Scope
from postroom.model.dkim import DkimKey, DkimState
from postroom.model.dns import DnsRecord
from postroom.model.tenant import INSTALLATION
from postroom.office.changes import Changes, Ref, number_of, require, tenant_for
from postroom.office.dkim_values import NewKey, read, selector_for
from postroom.policy.dns.dkim_record import Seen, look_for, record_of
from postroom.policy.signing import STAY_MS, settled
from postroom.probe.dns import Looker
from postroom.secrets.dkim import Pair, made, sealed_to
from postroom.sentence import Sentence
from postroom.store import dkim_keys

__all__ = ["DkimChange", "DkimVerbs", "DkimView"]

_MOST_KEYS = 200
"""Keys of one tenant."""
_AT_ONCE = 4
_SOON_MS, _LATER_MS, _FRESH_MS = 5 * 60_000, 3_600_000, 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class DkimView:
    """`record`: what has to be in the DNS. `checked_ms`, `seen`: when it was last looked for, and what was found.

    `stays_until_ms`: until when a retired key's record should stay.
    """

    key: DkimKey
    record: DnsRecord
    checked_ms: int | None
    seen: str

    @property
    def stays_until_ms(self) -> int | None:
        return None if self.key.retired_ms is None or self.key.activated_ms is None else self.key.retired_ms + STAY_MS


@dataclass(frozen=True, slots=True)
class DkimChange:
    """What a look into the DNS did to a key; `before` and `key` are the same where it did nothing."""

    before: DkimKey
    key: DkimKey
    seen: str


class DkimVerbs(Changes):
    def dkim_keys(self, actor: Actor, tenant_id: int | None = None) -> Future[list[DkimView]]:
        """The tenant's own, in the order in which they were made."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> list[DkimView]:
            self._existing(connection, number)
            looks = dkim_keys.looks(connection, number)
            return [_view(key, looks) for key in dkim_keys.of_tenant(connection, number)]

        return self._store.read(work)

    def dkim_key(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[DkimView]:
        """By its id, or by the name of its record. Raises NotFound."""
        require(actor, Scope.SETTINGS_READ)
        number = tenant_for(actor, tenant_id)
        return self._store.read(lambda c: _view(_found(c, number, ref), dkim_keys.looks(c, number)))

    async def create_dkim_key(
        self, actor: Actor, values: Mapping[str, object], tenant_id: int | None = None
    ) -> DkimView:
        """A new key for a domain. It waits until its record is seen. Raises BadInput with every fault, Conflict."""
        require(actor, Scope.SETTINGS_WRITE)
        wanted = read(values)
        number, pair = tenant_for(actor, tenant_id), wanted.pair
        if pair is None:
            pair = await asyncio.to_thread(made, wanted.algorithm, wanted.bits)
        return await asyncio.wrap_future(self._add(actor, number, wanted, pair))

    async def rotate_dkim_key(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> DkimView:
        """A successor with a selector of its own. The old key signs on until the new one's record is seen."""
        require(actor, Scope.SETTINGS_WRITE)
        old = (await asyncio.wrap_future(self.dkim_key(actor, ref, tenant_id))).key
        if old.state is DkimState.RETIRED:
            raise Conflict("This key is retired already. Make a new one for the domain.")
        wanted = NewKey(old.domain, old.algorithm, old.bits, "")
        pair = await asyncio.to_thread(made, wanted.algorithm, wanted.bits)
        return await asyncio.wrap_future(self._add(actor, old.tenant_id, wanted, pair))

    async def check_dkim_key(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> DkimView:
        """Looks for its record now; once it is there and right, the key signs."""
        require(actor, Scope.SETTINGS_WRITE)
        key = (await asyncio.wrap_future(self.dkim_key(actor, ref, tenant_id))).key
        await self._look_for(key, actor)
        return await asyncio.wrap_future(self.dkim_key(actor, key.id, key.tenant_id))

    def retire_dkim_key(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[DkimView]:
        """It signs no more. Its record should stay for a week: mail that it signed is still on its way."""
        require(actor, Scope.SETTINGS_WRITE)
        number, moment = tenant_for(actor, tenant_id), now_ms()

        def work(connection: Connection) -> DkimView:
            key = _found(connection, number, ref)
            if key.state is not DkimState.RETIRED:
                dkim_keys.save(connection, replace(key, state=DkimState.RETIRED, retired_ms=moment))
            return _view(_found(connection, number, key.id), dkim_keys.looks(connection, number))

        return self._change(work, actor)

    def delete_dkim_key(self, actor: Actor, ref: Ref, tenant_id: int | None = None) -> Future[None]:
        """Destroys it. Raises Conflict while it signs, so that nobody stops signing by a slip of the hand."""
        require(actor, Scope.SETTINGS_WRITE)
        number = tenant_for(actor, tenant_id)

        def work(connection: Connection) -> None:
            key = _found(connection, number, ref)
            if key.state in (DkimState.ACTIVE, DkimState.MISSING):
                raise Conflict("This key signs the domain's mail. Rotate it, or retire it first.")
            dkim_keys.remove(connection, key)

        return self._change(work, actor)

    # -- the clock's work ---------------------------------------------------------------------------------------------

    async def look_for_dkim_records(self) -> list[DkimChange]:
        """Looks for the records of all keys whose turn it is; those that came of it, and those that are not there."""
        moment = now_ms()
        keys = [key for key in self.snapshot.dkim_keys.values() if key.state is not DkimState.RETIRED]
        if not keys:
            return []
        looks = await asyncio.wrap_future(self._store.read(lambda c: _all_looks(c, keys)))
        due = [key for key in keys if _is_due(key, looks.get(key.id), moment)]
        found: list[DkimChange] = []
        for at in range(0, len(due), _AT_ONCE):
            found += await asyncio.gather(*(self._look_for(key, None) for key in due[at : at + _AT_ONCE]))
        return found

    # -- what the verbs share -----------------------------------------------------------------------------------------

    def _add(self, actor: Actor, tenant_id: int, wanted: NewKey, pair: Pair) -> Future[DkimView]:
        moment, number = now_ms(), self._store.ids.next()

        def work(connection: Connection) -> DkimView:
            self._existing(connection, tenant_id)
            known = dkim_keys.of_tenant(connection, tenant_id)
            mine = [one for one in known if one.domain == wanted.domain]
            taken = {one.selector for one in mine}
            if len(known) >= _MOST_KEYS:
                raise Conflict(
                    Sentence("There are {most_keys} keys already. Delete those that are retired.", most_keys=_MOST_KEYS)
                )
            if wanted.selector in taken:
                raise Conflict(
                    Sentence(
                        "There is a key with the selector {selector} for {domain} already.",
                        selector=wanted.selector,
                        domain=wanted.domain,
                    )
                )
            if any(one.public_key == pair.public_key for one in mine):
                raise Conflict("This very key is there already.")
            selector = wanted.selector or selector_for(pair.algorithm, moment, taken)
            key = DkimKey(
                number, tenant_id, wanted.domain, selector, pair.algorithm, pair.bits, pair.public_key,
                created_ms=moment,
            )  # fmt: skip
            dkim_keys.create(connection, key, self._ring.seal(pair.private, sealed_to(key)))
            return _view(key, {})

        return self._change(work, actor)

    async def _look_for(self, key: DkimKey, by: Actor | None) -> DkimChange:
        """What is seen is noted in any case; the settings are changed only when something follows from it."""
        looker = Looker(self._settings, discreet=key.tenant_id != INSTALLATION)
        seen = await looker.run(look_for(key))
        moment = now_ms()
        await asyncio.wrap_future(self._store.write(lambda c: dkim_keys.looked(c, key, moment, seen.words)))
        now = self.snapshot.dkim_keys.get(key.id, key)
        if settled(now, seen.sight, moment) == now:
            return DkimChange(now, now, seen.words)
        after = await asyncio.wrap_future(self._change(lambda c: _settle(c, key, seen, moment), by))
        return DkimChange(now, after or now, seen.words)


def _settle(connection: Connection, key: DkimKey, seen: Seen, moment: int) -> DkimKey | None:
    known = dkim_keys.of_tenant(connection, key.tenant_id)
    now = next((one for one in known if one.id == key.id), None)
    after = None if now is None else settled(now, seen.sight, moment)
    if now is None or after is None or after == now:
        return now
    dkim_keys.save(connection, after)
    if after.signs and not now.signs:
        for other in known:
            if _replaces(after, other):
                dkim_keys.save(connection, replace(other, state=DkimState.RETIRED, retired_ms=moment))
    return after


def _replaces(new: DkimKey, old: DkimKey) -> bool:
    """Whether the old one has nothing to do any more: two signatures of one kind help nobody."""
    same = (new.domain, new.algorithm) == (old.domain, old.algorithm)
    return same and old.id < new.id and old.state in (DkimState.ACTIVE, DkimState.MISSING)


def _is_due(key: DkimKey, look: dkim_keys.Looked | None, now_ms: int) -> bool:
    if look is None or look.checked_ms is None:
        return True
    fresh = key.state is DkimState.WAITING and now_ms - key.created_ms < _FRESH_MS
    soon = fresh or key.absent_since_ms is not None
    return now_ms - look.checked_ms >= (_SOON_MS if soon else _LATER_MS)


def _all_looks(connection: Connection, keys: Sequence[DkimKey]) -> dict[int, dkim_keys.Looked]:
    found: dict[int, dkim_keys.Looked] = {}
    for tenant_id in {key.tenant_id for key in keys}:
        found |= dkim_keys.looks(connection, tenant_id)
    return found


def _found(connection: Connection, tenant_id: int, ref: Ref) -> DkimKey:
    number = number_of("y", ref)
    name = ref.strip().lower().removesuffix(".") if isinstance(ref, str) else ""
    for key in dkim_keys.of_tenant(connection, tenant_id):
        if key.id == number or key.name == name:
            return key
    raise NotFound("There is no such DKIM key here.")


def _view(key: DkimKey, looks: Mapping[int, dkim_keys.Looked]) -> DkimView:
    look = looks.get(key.id, dkim_keys.Looked(None, ""))
    return DkimView(key, record_of(key), look.checked_ms, look.seen)
