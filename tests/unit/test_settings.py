"""Settings: one table, every mistake at once, and no secret in any message."""

from __future__ import annotations

import base64
import pickle
import tomllib
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from postroom.errors import BadSettings
from postroom.settings import DatabaseUrl, Hidden, Listen, LogFormat, Role, Settings, describe, example, load
from postroom.settings.spelling import SWITCH

KEY = base64.b64encode(bytes(range(32))).decode()
CANARY = "tr0ub4dor"


def load_from(tmp_path: Path, toml: str | None = None, /, **environ: str) -> Settings:
    if toml is not None:
        (tmp_path / "postroom.toml").write_text(toml)
    return load({"HOME": str(tmp_path), **environ}, tmp_path)


def faults_of(tmp_path: Path, toml: str | None = None, /, **environ: str) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        load_from(tmp_path, toml, **environ)
    return [str(fault) for fault in caught.value.faults]


def test_without_anything_the_defaults_stand(tmp_path: Path) -> None:
    settings = load_from(tmp_path)
    data = tmp_path / ".local/share/postroom"
    assert settings.data == data
    assert settings.database.reveal() == f"sqlite:///{data}/postroom.db"
    assert settings.database.file == data / "postroom.db"
    assert settings.key_file == data / "keyring.json"
    assert settings.listen == Listen("127.0.0.1", 8025)
    assert settings.role is Role.ALL
    assert settings.log_format is LogFormat.TEXT
    assert settings.native_command == ("/usr/sbin/sendmail",)
    assert settings.max_message_bytes == 25 * 1024**2
    assert settings.max_body_bytes == 40 * 1024**2
    assert (settings.max_recipients, settings.max_batch) == (10_000, 1_000)
    assert (settings.lease_seconds, settings.heartbeat_seconds, settings.poll_seconds) == (30, 10, 1)
    assert (settings.tls_minimum, settings.smtp_timeout_scale, settings.idempotency_hours) == ("1.2", 1, 24)


def test_the_data_directory_follows_xdg_and_moves_what_lies_in_it(tmp_path: Path) -> None:
    assert load_from(tmp_path, XDG_DATA_HOME="/srv/share").data == Path("/srv/share/postroom")
    assert load_from(tmp_path, XDG_DATA_HOME="relative").data == tmp_path / ".local/share/postroom"
    moved = load_from(tmp_path, POSTROOM_DATA="~/mail")
    assert moved.data == tmp_path / "mail"
    assert moved.key_file == tmp_path / "mail/keyring.json"
    assert moved.database.file == tmp_path / "mail/postroom.db"


def test_flag_beats_environment_beats_file(tmp_path: Path) -> None:
    (tmp_path / "postroom.toml").write_text("max_batch = 1\nmax_recipients = 1\nlog_format = 'json'")
    environ = {"HOME": str(tmp_path), "POSTROOM_MAX_BATCH": "2", "POSTROOM_MAX_RECIPIENTS": "2"}
    settings = load(environ, tmp_path, {"max_batch": 3, "role": None})
    assert (settings.max_batch, settings.max_recipients, settings.log_format) == (3, 2, "json")
    assert settings.origins["max_batch"] == "--max-batch"
    assert settings.origins["max_recipients"] == "POSTROOM_MAX_RECIPIENTS"
    assert settings.origins["log_format"] == f"log_format in {tmp_path}/postroom.toml"
    assert settings.origins["role"] == "default"


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    """Compose files write `POSTROOM_LISTEN=${LISTEN:-}`."""
    assert load_from(tmp_path, POSTROOM_LISTEN="", POSTROOM_ROLE="  ") == load_from(tmp_path)


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        "max_batsh = 3\nmax_recipients = 'many'\n[limits]\na = 1\n",
        POSTROOM_LISTEN="8025",
        POSTROOM_ROEL="all",
        POSTROOM_MAX_BATCH="0",
    )
    assert len(faults) == 6
    text = "\n".join(faults)
    assert "POSTROOM_ROEL: there is no such setting. Did you mean POSTROOM_ROLE?" in text
    assert "max_batsh in" in text
    assert "Did you mean max_batch?" in text
    assert "POSTROOM_LISTEN: '8025' is not host:port." in text
    assert "POSTROOM_MAX_BATCH: '0' is not a whole number from 1" in text
    assert "'many' is not a whole number" in text
    assert "limits in" in text


def test_other_products_words_are_understood_in_the_hint(tmp_path: Path) -> None:
    assert "Did you mean POSTROOM_LISTEN?" in faults_of(tmp_path, POSTROOM_PORT="25")[0]
    assert "Did you mean POSTROOM_DATABASE?" in faults_of(tmp_path, POSTROOM_DATABASE_URL="x")[0]
    assert "`postroom config` lists them all" in faults_of(tmp_path, POSTROOM_ZZZZZ="x")[0]


def test_the_spelling_of_a_variable_counts(tmp_path: Path) -> None:
    assert "Did you mean POSTROOM_ROLE?" in faults_of(tmp_path, POSTROOM_role="all")[0]


def test_variables_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    others = {
        "POSTROOM_FAILPOINT": "x",
        "POSTROOM_API_URL": "u",
        "POSTROOM_API_KEY": "k",
        "POSTROOMX": "y",
        "OTHER": "z",
    }
    assert load_from(tmp_path, **others) == load_from(tmp_path)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("max_message_bytes", "25 MiB", 25 * 1024**2),
        ("max_message_bytes", "25MB", 25_000_000),
        ("max_message_bytes", "1.5 kib", 1536),
        ("max_message_bytes", "1_000_000", 1_000_000),
        ("lease_seconds", "45", 45.0),
        ("lease_seconds", "5 min", 300.0),
        ("lease_seconds", "2h", 7200.0),
        ("poll_seconds", "250ms", 0.25),
        ("idempotency_hours", "2 d", 48.0),
        ("idempotency_hours", "90 min", 1.5),
        ("smtp_timeout_scale", "0.01", 0.01),
        ("max_batch", " 10_0 ", 100),
        ("role", "Worker", Role.WORKER),
        ("log_format", "JSON", LogFormat.JSON),
        ("listen", "[::1]:0", Listen("::1", 0)),
        ("listen", "mail.example.com:80", Listen("mail.example.com", 80)),
        ("public_url", "https://mail.example.com/", "https://mail.example.com"),
        ("ehlo_name", "[192.0.2.1]", "[192.0.2.1]"),
        ("ehlo_name", "a.example", "a.example"),
        ("tls_minimum", "TLSv1.3", "1.3"),
        ("native_command", "/usr/bin/msmtp -C '/etc/my rc'", ("/usr/bin/msmtp", "-C", "/etc/my rc")),
        ("key", f"{KEY}, {KEY}", Hidden(f"{KEY},{KEY}")),
        ("key_file", "ring.json", Path("/base/ring.json")),
    ],
)
def test_values_in_the_environment(name: str, given: str, value: object) -> None:
    settings = load({"HOME": "/base", f"POSTROOM_{name.upper()}": given}, Path("/base"))
    assert getattr(settings, name) == value


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *[("max_message_bytes", bad) for bad in ("", "1", "-1", "25 TB", "lots", "1e9", "9" * 400, "NaN", "٣٠٠٠")],
        *[("lease_seconds", bad) for bad in ("0", "-5", "30 parsecs", "inf", "s")],
        *[("smtp_timeout_scale", bad) for bad in ("0", "101", "1 s", "fast")],
        *[("max_batch", bad) for bad in ("0", "1.5", "ten", "9" * 5000, "1e3", "true")],
        *[("listen", bad) for bad in ("8025", ":8025", "host", "host:99999", "::1:8025", "a b:1", "h:1\n2")],
        *[("public_url", bad) for bad in ("mail.example.com", "ftp://x", "https://u:p@x", "https://x?y", "https://")],
        *[("ehlo_name", bad) for bad in ("a b", "-a.example", "a..b", "x" * 300, "a\r\nMAIL", "[drop]")],
        *[("tls_minimum", bad) for bad in ("0.9", "1", "ssl3", "2")],
        *[("native_command", bad) for bad in ("sendmail", "'/unclosed", "''", "/bin/a 'b\n'")],
        *[("data", bad) for bad in ("~root/x", "a\x00b", "/etc/passwd")],
        *[("key_file", bad) for bad in ("/etc", "~x/y")],
        ("role", "boss"),
        ("log_format", "xml"),
    ],
)
def test_wrong_values_are_named_and_an_example_is_given(tmp_path: Path, name: str, given: str) -> None:
    overrides = {name: given}
    with pytest.raises(BadSettings) as caught:
        load({"HOME": str(tmp_path)}, tmp_path, overrides)
    (fault,) = caught.value.faults
    assert fault.field == f"--{name.replace('_', '-')}"
    assert fault.mend.startswith("Example: ")
    assert str(fault).isprintable()
    assert len(str(fault)) < 400


@pytest.mark.parametrize(
    "toml",
    [
        "max_batch = '100 MiB'",
        "max_batch = 1.0",
        "max_batch = true",
        "max_message_bytes = true",
        "lease_seconds = [30]",
        "lease_seconds = inf",
        "listen = 8025",
        "role = 1",
        "native_command = [1]",
        "native_command = 3",
        "data = 5",
        "tls_minimum = false",
        "public_url = 2024-01-01",
    ],
)
def test_wrong_types_in_the_file(tmp_path: Path, toml: str) -> None:
    (fault,) = faults_of(tmp_path, toml)
    assert f"{toml.split()[0]} in {tmp_path}/postroom.toml: " in fault


def test_types_of_toml_are_taken_as_they_are(tmp_path: Path) -> None:
    settings = load_from(
        tmp_path,
        'tls_minimum = 1.3\nnative_command = ["/bin/cat", "-u"]\nlease_seconds = 40\nmax_message_bytes = 2048\n'
        "smtp_timeout_scale = 0.5",
    )
    assert settings.tls_minimum == "1.3"
    assert settings.native_command == ("/bin/cat", "-u")
    assert (settings.lease_seconds, settings.max_message_bytes, settings.smtp_timeout_scale) == (40.0, 2048, 0.5)


@pytest.mark.parametrize(("word", "value"), [("yes", True), ("ON", True), ("0", False), ("false", False), (True, True)])
def test_switches(word: object, value: bool) -> None:
    assert SWITCH.parse(word, Path(), {}) is value


@pytest.mark.parametrize("word", ["maybe", "", 1, None])
def test_what_is_no_switch(word: object) -> None:
    with pytest.raises(ValueError, match="neither true nor false"):
        SWITCH.parse(word, Path(), {})


class TestFile:
    def test_the_named_file_must_exist(self, tmp_path: Path) -> None:
        assert "there is no file" in faults_of(tmp_path, POSTROOM_CONFIG="missing.toml")[0]

    def test_the_named_file_beats_the_one_here(self, tmp_path: Path) -> None:
        (tmp_path / "other.toml").write_text("max_batch = 7")
        assert load_from(tmp_path, "max_batch = 8", POSTROOM_CONFIG="other.toml").max_batch == 7

    def test_the_one_in_the_data_directory_is_found_last(self, tmp_path: Path) -> None:
        (tmp_path / "d").mkdir()
        (tmp_path / "d/postroom.toml").write_text("max_batch = 9\nkey_file = 'ring.json'")
        settings = load_from(tmp_path, POSTROOM_DATA="d")
        assert settings.max_batch == 9
        assert settings.key_file == tmp_path / "d/ring.json", "relative to the file it stands in"
        assert load_from(tmp_path, "max_batch = 8", POSTROOM_DATA="d").max_batch == 8

    def test_it_can_not_move_the_directory_it_was_found_in(self, tmp_path: Path) -> None:
        (tmp_path / "d").mkdir()
        (tmp_path / "d/postroom.toml").write_text("data = '/elsewhere'")
        assert "can't move the directory" in faults_of(tmp_path, POSTROOM_DATA="d")[0]

    @pytest.mark.parametrize("content", [b"max_batch = ", b"\xff\xfe", b"[", b"a = 1\na = 2"])
    def test_a_broken_file_is_one_clear_fault(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "postroom.toml").write_bytes(content)
        (fault,) = faults_of(tmp_path)
        assert str(tmp_path / "postroom.toml") in fault

    def test_the_key_does_not_belong_there(self, tmp_path: Path) -> None:
        (fault,) = faults_of(tmp_path, f"key = '{KEY}'")
        assert "Use POSTROOM_KEY" in fault
        assert KEY not in fault


class TestDatabase:
    @pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
    def test_postgresql_gets_its_driver(self, tmp_path: Path, scheme: str) -> None:
        settings = load_from(tmp_path, POSTROOM_DATABASE=f"{scheme}://u:{CANARY}@db:5433/post?sslmode=require")
        assert settings.database.reveal() == f"postgresql+psycopg://u:{CANARY}@db:5433/post?sslmode=require"
        assert settings.database.file is None

    @pytest.mark.parametrize("url", ["postgresql:///post?host=/run/pg", "postgresql:///post", "postgres://db/post"])
    def test_sockets_and_defaults_of_the_driver_are_fine(self, tmp_path: Path, url: str) -> None:
        assert not load_from(tmp_path, POSTROOM_DATABASE=url).database.is_sqlite

    def test_sqlite_paths_become_absolute(self, tmp_path: Path) -> None:
        assert load_from(tmp_path, POSTROOM_DATABASE="sqlite:///a/../b.db").database.file == tmp_path / "b.db"
        assert load_from(tmp_path, POSTROOM_DATABASE="sqlite:////srv/b.db").database.file == Path("/srv/b.db")

    @pytest.mark.parametrize(
        "url",
        [
            "sqlite://",
            "sqlite:///:memory:",
            "sqlite:///x.db?mode=memory",
            "sqlite:x.db",
            "/var/lib/x.db",
            "mysql://h/d",
            f"postgresql://u:{CANARY}@h:port/db",
            f"postgresql://u:{CANARY}/x@h/db",
            f"postgresql://u:{CANARY}@h",
            f"postgresql://u:{CANARY}@h/",
            f"postgresql://u:{CANARY}#1@h/db",
            f"postgresql://u:{CANARY}@[::1/db",
            f"{CANARY}\n",
        ],
    )
    def test_what_is_no_database_is_refused_without_repeating_it(self, tmp_path: Path, url: str) -> None:
        (fault,) = faults_of(tmp_path, POSTROOM_DATABASE=url)
        assert fault.startswith("POSTROOM_DATABASE: ")
        assert CANARY not in fault

    @pytest.mark.parametrize(
        "url", [f"u:{CANARY}@h/db", f"u@h/db?password={CANARY}", f"h/db?user=a&sslpassword={CANARY}"]
    )
    def test_its_password_shows_nowhere(self, tmp_path: Path, url: str) -> None:
        """Promise P7."""
        settings = load_from(tmp_path, POSTROOM_DATABASE=f"postgresql://{url}")
        for shown in (repr(settings), str(settings.database), f"{settings.database!r} {settings.database:>9}"):
            assert CANARY not in shown
        with pytest.raises(TypeError):
            pickle.dumps(settings.database)


def test_the_key_shows_nowhere(tmp_path: Path) -> None:
    """Promise P7."""
    settings = load_from(tmp_path, POSTROOM_KEY=KEY)
    assert settings.key.reveal() == KEY
    for shown in (repr(settings), str(settings.key), f"{settings.key:>60}", repr(asdict(settings))):
        assert KEY not in shown
    (fault,) = faults_of(tmp_path, POSTROOM_KEY=KEY[:-6])
    assert KEY[:10] not in fault


def test_settings_that_contradict_each_other(tmp_path: Path) -> None:
    text = "\n".join(
        faults_of(
            tmp_path,
            POSTROOM_LEASE_SECONDS="20",
            POSTROOM_MAX_BODY_BYTES="25MiB",
            POSTROOM_ADMISSION_BYTES="2 MiB",
        )
    )
    assert "lease_seconds: is less than three heartbeats" in text
    assert "max_body_bytes: is too small" in text
    assert "admission_bytes: is less than one message" in text


def test_a_larger_message_takes_the_body_limit_along(tmp_path: Path) -> None:
    settings = load_from(tmp_path, POSTROOM_MAX_MESSAGE_BYTES="100 MiB")
    assert settings.max_body_bytes == 160 * 1024**2
    assert settings.admission_bytes == 200 * 1024**2


def test_every_setting_is_documented_with_a_sentence_and_a_default() -> None:
    rows = describe()
    assert rows[0].name == "data", "what all others may depend on"
    assert sorted(row.name for row in rows) == sorted(one.name for one in fields(Settings) if one.name != "origins")
    for row in rows:
        assert row.variable == f"POSTROOM_{row.name.upper()}"
        assert row.sentence.endswith(".")
        assert row.type
        assert row.default


def test_the_example_is_a_file_that_sets_nothing_and_every_line_of_it_works(tmp_path: Path) -> None:
    text = example()
    assert tomllib.loads(text) == {}
    lines = [line.removeprefix("# ") for line in text.splitlines() if " = " in line]
    assert len(lines) == len(describe()) - 3, "all but the key, the vault's token and its secret id"
    for line in lines:
        (tmp_path / "postroom.toml").write_text(line)
        load(
            {"HOME": str(tmp_path), "POSTROOM_HEARTBEAT_SECONDS": "" if "heart" in line else "5"},
            tmp_path,
            {
                "lease_seconds": None if "lease" in line else 120,
                "max_message_bytes": None if "max_m" in line else 4096,
            },
        )


def test_settings_do_not_change() -> None:
    settings = load({"HOME": "/x"}, Path("/x"))
    with pytest.raises(AttributeError):
        settings.max_batch = 2  # type: ignore[misc]
    assert DatabaseUrl("sqlite:///a") == DatabaseUrl("sqlite:///a") != DatabaseUrl("sqlite:///b")
