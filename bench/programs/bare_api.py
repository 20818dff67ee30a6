"""The yardstick for HTTP: a FastAPI endpoint that takes the same body and does nothing.

    python -m bench.programs.bare_api PORT

Served as Postroom serves its own: uvicorn, uvloop, httptools, one process, no access log.
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Message(BaseModel):
    to: list[str]
    subject: str = ""
    text: str | None = None
    html: str | None = None
    cc: list[str] = []
    bcc: list[str] = []
    reply_to: list[str] = []
    headers: dict[str, str] = {}
    tags: list[str] = []


class Taken(BaseModel):
    id: str
    state: str


app = FastAPI()


@app.post("/v1/messages", status_code=202)
async def take(message: Message) -> Taken:
    return Taken(id="m_0abcdefghjkm", state="queued" if message.to else "refused")


@app.get("/ready")
async def ready() -> bool:
    return True


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", ws="none", lifespan="off",
        log_level="error", access_log=False, proxy_headers=False, server_header=False, backlog=2048,
        timeout_keep_alive=75,
    )  # fmt: skip
