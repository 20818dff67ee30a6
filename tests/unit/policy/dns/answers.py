"""The DNS as a table, to run the questions of `policy.dns` over: `{"example.com": {"TXT": ["v=spf1 -all"]}}`.

A name that is not there does not exist; the text "?" in place of the records is a name server that does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import TypeVar

from postroom.policy.dns.question import Answer, Asking, Question

__all__ = ["Table", "run"]

T = TypeVar("T")
Table = Mapping[str, Mapping[str, Sequence[str]] | str]


def run(asking: Asking[T], table: Table, asked: list[Question] | None = None) -> T:
    try:
        question = next(asking)
        while True:
            if asked is not None:
                asked.append(question)
            question = asking.send(_answer(question, table))
    except StopIteration as over:
        result: T = over.value
        return result


def _answer(question: Question, table: Table) -> Answer:
    found = table.get(question.name.lower())
    if isinstance(found, str):
        return Answer(trouble="No name server answered.")
    if found is None:
        return Answer()
    records = found.get(question.kind, ())
    match question.kind:
        case "TXT":
            return Answer(True, texts=tuple(one.encode() for one in records))
        case "MX":
            pairs = [one.split(" ") for one in records]
            return Answer(True, mx=tuple((int(number), host.rstrip(".")) for number, host in pairs))
        case "PTR":
            return Answer(True, names=tuple(records))
        case _:
            return Answer(True, addresses=tuple(ip_address(one) for one in records))
