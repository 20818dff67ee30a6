"""Transcripts: readable, harmless, bounded, and free of bodies."""

from __future__ import annotations

from postroom.smtp.reply import Reply
from postroom.smtp.transcript import MAX_ENTRIES, MAX_LINES, Transcript


def test_a_conversation_reads_like_one() -> None:
    transcript = Transcript()
    transcript.heard(100.0, [Reply(220, None, "mail.example.net")])
    transcript.sent(100.001, b"MAIL FROM:<a@x.org>\r\nRCPT TO:<b@y.org>\r\nDATA\r\n")
    transcript.heard(100.0205, [Reply(250, "2.1.0", "ok"), Reply(550, "5.1.1", "who?\nno")])
    transcript.body(101.0, 2048)
    transcript.note(701.0, "timeout: no reply")
    assert transcript.text() == (
        "     0 ms S: 220 mail.example.net\n"
        "     1 ms C: MAIL FROM:<a@x.org>\n"
        "     1 ms C: RCPT TO:<b@y.org>\n"
        "     1 ms C: DATA\n"
        "    20 ms S: 250 2.1.0 ok\n"
        "    20 ms S: 550-5.1.1 who?\n"
        "    20 ms S: 550 5.1.1 no\n"
        "  1000 ms C: [2,048 bytes of message]\n"
        "601000 ms -- timeout: no reply\n"
    )


def test_nothing_said() -> None:
    transcript = Transcript()
    transcript.heard(1.0, [])
    assert transcript.text() == ""
    assert "0 steps" in repr(transcript)


def test_everything_is_escaped() -> None:
    transcript = Transcript()
    transcript.sent(0.0, b"X\x1b[2J\x00\xff\r\n")
    transcript.note(0.0, "a\nb")
    assert transcript.text() == "     0 ms C: X\\x1b[2J\\x00\ufffd\n     0 ms -- a\\nb\n"


def test_a_clock_that_steps_back_does_no_harm() -> None:
    transcript = Transcript()
    transcript.note(10.0, "a")
    transcript.note(9.0, "b")
    assert transcript.text() == "     0 ms -- a\n     0 ms -- b\n"


def test_ten_thousand_recipients_are_shown_by_the_first_and_the_last() -> None:
    transcript = Transcript()
    transcript.sent(0.0, b"".join(b"RCPT TO:<r%d@y.org>\r\n" % n for n in range(10_000)))
    transcript.heard(0.0, [Reply(250, None, f"ok {n}") for n in range(10_000)])
    text = transcript.text()
    assert "<r0@y.org>" in text
    assert "<r9999@y.org>" in text
    assert "ok 0\n" in text
    assert "ok 9999\n" in text
    assert "more lines" in text
    assert text.count("\n") <= 2 * (MAX_LINES + 1)


def test_a_long_session_keeps_its_beginning_and_its_end() -> None:
    transcript = Transcript()
    for step in range(10 * MAX_ENTRIES):
        transcript.note(float(step), f"step {step}")
    lines = transcript.text().splitlines()
    assert len(lines) == MAX_ENTRIES + 1
    assert lines[0].endswith("step 0")
    assert lines[-1].endswith(f"step {10 * MAX_ENTRIES - 1}")
    assert any("1,800 more steps" in line for line in lines)
