"""The recipients' own door: a link stands for one mailbox, GET changes nothing, one click is enough, none is forged.

Promise A23 of the list of attacks; and the same choices through the API, for an application's own profile page.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import httpx2
import pytest

from postroom.clock import now_ms
from postroom.model.application import Scope
from postroom.secrets.links import link_token
from tests.doors.api_rig import Api, open_api, problem

PUBLIC = "https://post.example.com"
ANN = "ann@example.org"
_LINK = re.compile(re.escape(PUBLIC) + r"/preferences/([A-Za-z0-9_-]+)")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with open_api(tmp_path_factory.mktemp("recipients"), public_url=PUBLIC) as api:
        yield api


class Tenant:
    """One that sends news, which are the recipients' choice, and security mail, which is not."""

    def __init__(self, house: Api, **settings: object) -> None:
        self.house = house
        self.client = house.tenant()
        self.client.patch("/v1/settings", json={"mode": "smtp", "recipients_choose": True, **settings})
        account = {"name": "main", "host": "127.0.0.1", "port": 2525, "encryption": "none"}
        self.client.post("/v1/accounts", json=account).raise_for_status()
        self.client.post("/v1/senders", json={"address": "shop@example.com"}).raise_for_status()
        for kind in (
            {"name": "news", "title": "News & more", "title_de": "Neues", "description": "<b>What</b> is new."},
            {"name": "security", "title": "Security", "mandatory": True},
            {"name": "letters", "title": "Letters", "bulk": True},
        ):
            assert self.client.post("/v1/kinds", json=kind).status_code == 201

    def send(self, kind: str = "news", *to: str, **values: object) -> EmailMessage:
        """The message as it is kept."""
        body = {"to": list(to or (ANN,)), "subject": "S", "text": "T", "html": "<p>T</p>", "kind": kind, **values}
        answer = self.client.post("/v1/messages", json=body)
        assert answer.status_code == 202, answer.text
        return self.content(answer)

    def content(self, answer: httpx2.Response) -> EmailMessage:
        raw = self.client.get(f"/v1/messages/{answer.json()['id']}/content").content
        return message_from_bytes(raw, policy=policy.default)

    def token(self, address: str = ANN) -> str:
        answer = self.client.post("/v1/preference-links", json={"address": address})
        assert answer.status_code == 201, answer.text
        return str(_LINK.fullmatch(answer.json()["url"])[1])  # type: ignore[index]

    def ways(self, address: str = ANN) -> dict[str, str]:
        found = self.client.get(f"/v1/preferences/{address}").json()
        return {one["name"]: one["way"] for one in found["kinds"]}

    def page(self, token: str, **headers: str) -> httpx2.Response:
        return self.house.nobody.get(f"/preferences/{token}", headers=headers)

    def post(self, token: str, **values: str) -> httpx2.Response:
        return self.house.nobody.post(f"/preferences/{token}", data=values)


@pytest.fixture
def tenant(house: Api) -> Tenant:
    return Tenant(house)


def token_of(mail: EmailMessage) -> str:
    found = _LINK.search(str(mail["List-Unsubscribe"]))
    assert found, mail.as_string()
    return found[1]


# -- what a mail says -------------------------------------------------------------------------------------------------


def test_mail_that_is_his_choice_says_so_to_his_mail_program_and_to_himself(tenant: Tenant) -> None:
    mail = tenant.send()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = f"{PUBLIC}/preferences/{token_of(mail)}"
    assert str(mail["List-Unsubscribe"]) == f"<{link}>"
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        assert body is not None
        assert link in body.get_content().replace("=\n", "")


@pytest.mark.parametrize("kind", ["security", "", "unheard-of"])
def test_mail_that_is_not_his_choice_says_nothing(tenant: Tenant, kind: str) -> None:
    mail = tenant.send(kind)
    assert mail["List-Unsubscribe"] is None
    assert PUBLIC not in mail.as_string()


def test_a_link_is_one_persons_own_so_mail_to_several_has_none(tenant: Tenant) -> None:
    for mail in (tenant.send("news", ANN, "bob@example.org"), tenant.send("news", ANN, bcc=["bob@example.org"])):
        assert mail["List-Unsubscribe"] is None
        assert PUBLIC not in mail.as_string()


def test_an_applications_own_way_to_unsubscribe_stays(tenant: Tenant) -> None:
    mail = tenant.send(headers={"List-Unsubscribe": "<https://shop.example.com/stop>"})
    assert mail.get_all("List-Unsubscribe") == ["<https://shop.example.com/stop>"]
    assert mail["List-Unsubscribe-Post"] is None


def test_without_the_switch_only_bulk_mail_has_the_line_and_all_have_the_header(house: Api) -> None:
    tenant = Tenant(house, recipients_choose=False)
    news, letters = tenant.send("news"), tenant.send("letters")
    assert token_of(news)
    assert PUBLIC in letters.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert PUBLIC not in news.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_a_message_that_somebody_else_composed_says_it_as_well(tenant: Tenant) -> None:
    raw = b"From: shop@example.com\r\nTo: ann@example.org\r\nSubject: S\r\nX-Postroom-Kind: news\r\n\r\nT\r\n"
    answer = tenant.client.post("/v1/messages/raw", content=raw, headers={"content-type": "message/rfc822"})
    assert answer.status_code == 202, answer.text
    mail = tenant.content(answer)
    assert token_of(mail)
    assert mail["X-Postroom-Kind"] is None
    assert "Choose what you get" in mail.get_content()


def test_a_digest_says_it_for_all_its_kinds_and_links_to_files_where_the_kind_says_so(tenant: Tenant) -> None:
    tenant.client.patch("/v1/kinds/news", json={"way": "daily", "attachments": "link"}).raise_for_status()
    tenant.client.patch("/v1/kinds/letters", json={"way": "daily"}).raise_for_status()
    file = {
        "filename": "a<b>.html",
        "content": base64.b64encode(b"<script>x</script>").decode(),
        "content_type": "text/html",
    }
    for kind in ("news", "letters"):
        body = {"to": [ANN], "subject": kind, "text": "T", "kind": kind, "attachments": [file]}
        assert tenant.client.post("/v1/messages", json=body).json()["state"] == "collected"
    engine = tenant.house.engine
    engine.store.write(lambda c: c.exec_driver_sql("UPDATE collected SET due_ms = 1")).result(60)
    tenant.house.on_loop(engine.digests.send_due())
    (line,) = tenant.client.get("/v1/messages", params={"tag": "digest"}).json()["messages"]
    raw = tenant.client.get(f"/v1/messages/{line['id']}/content").content
    mail = message_from_bytes(raw, policy=policy.default)
    assert [part.get_filename() for part in mail.iter_attachments()] == ["a<b>.html"]  # the one of the letters
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    (file_token,) = re.findall(re.escape(PUBLIC) + r"/digest-files/([A-Za-z0-9_-]+)", text)
    answer = tenant.house.nobody.get(f"/digest-files/{file_token}")
    assert (answer.status_code, answer.content) == (200, b"<script>x</script>")
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    for wrong in (file_token[:-3], token_of(mail)):
        assert tenant.house.nobody.get(f"/digest-files/{wrong}").status_code == 404
    assert tenant.page(file_token).status_code == 404
    assert tenant.post(token_of(mail), **{"List-Unsubscribe": "One-Click"}).status_code == 200
    assert tenant.ways() == {"news": "none", "security": "at-once", "letters": "none"}


# -- the page ---------------------------------------------------------------------------------------------------------


def test_looking_changes_nothing_whoever_looks(tenant: Tenant) -> None:
    token = token_of(tenant.send())
    before = tenant.ways()
    for method in ("GET", "HEAD", "GET"):
        answer = tenant.house.nobody.request(method, f"/preferences/{token}?List-Unsubscribe=One-Click&do=stop")
        assert answer.status_code == 200
    assert tenant.ways() == before
    assert tenant.client.get(f"/v1/preferences/{ANN}").json()["updated_at"] is None


def test_the_page_is_kept_nowhere_loads_nothing_and_escapes_everything(tenant: Tenant) -> None:
    answer = tenant.page(tenant.token('"<b>"@example.org'))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "script" not in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert "<b>" not in answer.text
    assert "&lt;b&gt;What&lt;/b&gt; is new." in answer.text
    assert not re.search(r"""(?:src|href)=["'](?!#)""", answer.text)


def test_the_page_speaks_the_readers_language(tenant: Tenant) -> None:
    token = tenant.token()
    assert '<html lang="en">' in tenant.page(token).text
    german = tenant.page(token, **{"accept-language": "de-AT,de;q=0.9,en;q=0.5"}).text
    assert '<html lang="de">' in german
    assert "Neues" in german
    assert tenant.post(token, do="save", language="de").status_code == 303
    assert '<html lang="de">' in tenant.page(token, **{"accept-language": "en"}).text


def test_what_he_chooses_holds_at_once_for_every_application(tenant: Tenant) -> None:
    token = tenant.token()
    values = {"way.news": "weekly", "way.letters": "none", "hour": "7", "weekday": "4", "time_zone": "Europe/Prague"}
    answer = tenant.post(token, do="save", **values)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/preferences/{token}?done=saved")
    assert "Saved." in tenant.house.nobody.get(answer.headers["location"]).text
    assert tenant.ways() == {"news": "weekly", "security": "at-once", "letters": "none"}
    found = tenant.client.get(f"/v1/preferences/{ANN.upper()}").json()
    assert (found["hour"], found["weekday"], found["time_zone"]) == (7, 4, "Europe/Prague")
    body = {"to": [ANN], "subject": "S", "text": "T", "kind": "letters"}
    (to,) = tenant.client.post("/v1/messages", json=body).json()["recipients"]
    assert (to["state"], to["explanation"]) == ("cancelled", "declined")


@pytest.mark.parametrize(
    "values", [{"way.security": "none"}, {"way.news": "yearly"}, {"hour": "99"}, {"time_zone": "../x"}, {"x": "<b>"}]
)
def test_what_can_not_be_chosen_is_said_and_changes_nothing(tenant: Tenant, values: dict[str, str]) -> None:
    before = tenant.ways()
    answer = tenant.post(tenant.token(), do="save", **values)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "<b>" not in answer.text
    assert tenant.ways() == before


def test_one_click_of_a_mail_program_stops_the_kind_of_its_mail(tenant: Tenant) -> None:
    """RFC 8058, 3.2: one POST, of either form, no cookie, no redirect; done twice it is the same."""
    token = token_of(tenant.send())
    for _ in range(2):
        answer = tenant.post(token, **{"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert tenant.ways()["news"] == "none"
        assert tenant.ways()["letters"] == "at-once"
    other = token_of(tenant.send("letters", "bob@example.org"))
    parts = {"List-Unsubscribe": (None, "One-Click")}
    assert tenant.house.nobody.post(f"/preferences/{other}", files=parts).status_code == 200
    assert tenant.ways("bob@example.org")["letters"] == "none"
    trail = tenant.client.get("/v1/audit", params={"verb": "preference.changed"}).json()["entries"]
    assert [(one["who"], one["thing"]) for one in trail] == [
        ("the recipient", "bob@example.org"), ("the recipient", ANN),
    ]  # fmt: skip


def test_who_said_no_is_heard_after_the_switch_was_turned_off(tenant: Tenant) -> None:
    token = token_of(tenant.send())
    tenant.client.patch("/v1/settings", json={"recipients_choose": False}).raise_for_status()
    assert tenant.post(token, do="stop").status_code == 303
    assert tenant.ways()["news"] == "none"


# -- forging ----------------------------------------------------------------------------------------------------------


def test_no_link_is_forged_guessed_or_used_for_something_else(tenant: Tenant) -> None:
    token = tenant.token()
    ring = tenant.house.engine.ring
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    forged = [
        "", "x", token[:-4], token + "AAAA", token[::-1], "A" * 200, "A" * 5_000, "%00", "é",
        link_token(ring, "file", [1, ANN, []], now_ms() + 10_000),
        link_token(ring, "preferences", [1 << 40, ANN, []], now_ms() + 10_000),
        link_token(ring, "preferences", [1, ANN, []], now_ms() - 1),
    ]  # fmt: skip
    for place in range(0, len(raw), 7):
        changed = bytearray(raw)
        changed[place] ^= 1
        forged.append(base64.urlsafe_b64encode(bytes(changed)).decode().rstrip("="))
    before = tenant.ways()
    for one in forged:
        for answer in (tenant.page(one), tenant.post(one, **{"List-Unsubscribe": "One-Click"})):
            assert answer.status_code == 404, one
    assert tenant.ways() == before


def test_a_link_opens_nothing_of_another_mailbox_or_tenant(tenant: Tenant, house: Api) -> None:
    other = Tenant(house)
    token = tenant.token()
    assert tenant.post(token, do="save", **{"way.news": "none"}).status_code == 303
    assert other.ways()["news"] == "at-once"
    assert tenant.ways("bob@example.org")["news"] == "at-once"
    assert ANN not in base64.urlsafe_b64decode(token + "===").decode("latin-1")


# -- the same by the API ----------------------------------------------------------------------------------------------


def test_an_applications_profile_page_shows_and_sets_the_same(tenant: Tenant) -> None:
    tenant_id = tenant.client.get("/v1/settings").json()["id"]
    number = int(tenant.house.engine.office.snapshot.kinds_of(_number(tenant_id))[0].tenant_id)
    client = tenant.house.client(number, Scope.RECIPIENTS)
    answer = client.patch(f"/v1/preferences/{ANN}", json={"ways": {"news": "hourly"}})
    assert answer.status_code == 200
    (news, security, _) = client.get(f"/v1/preferences/{ANN}", headers={"accept-language": "de"}).json()["kinds"]
    assert (news["title"], news["way"], news["chosen"]) == ("Neues", "hourly", True)
    assert security["may"] == []
    problem(client.patch(f"/v1/preferences/{ANN}", json={"ways": {"security": "none"}}), 422)
    problem(client.get("/v1/preferences/nobody"), 404)
    problem(tenant.house.client(number, Scope.SEND).get(f"/v1/preferences/{ANN}"), 403)
    assert client.get("/v1/preferences/a/b@example.org").status_code == 200


def _number(text: str) -> int:
    from postroom.ids import decode

    found = decode("t", text)
    assert found is not None
    return found


def test_the_list_is_written_read_released_and_brought_back(tenant: Tenant) -> None:
    client = tenant.client
    made = client.post("/v1/suppressions", json={"address": "Gone@example.org", "note": "=1+1"})
    assert (made.status_code, made.json()["address"]) == (201, "gone@example.org")
    problem(client.post("/v1/suppressions", json={"address": "x", "why": "y", "expires_at": "z", "q": 1}), 422)
    text = client.get("/v1/suppressions/export").text
    assert "'=1+1" in text
    assert client.delete("/v1/suppressions/GONE@example.org").status_code == 204
    problem(client.delete("/v1/suppressions/gone@example.org"), 404)
    assert client.post("/v1/suppressions/import", json={"csv": text}).json() == {"added": 1}
    (found,) = client.get("/v1/suppressions", params={"like": "gone"}).json()["suppressions"]
    assert (found["note"], found["source"]) == ("=1+1", "import")
    body = {"to": ["gone@example.org"], "subject": "S", "text": "T"}
    (to,) = client.post("/v1/messages", json=body).json()["recipients"]
    assert (to["state"], to["explanation"]) == ("failed", "suppressed")
