"""A FastAPI application that hands its mail to Postroom over HTTP, without blocking its loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request

from postroom.client import AsyncClient, Refused, Unreachable


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncClient() as app.state.postroom:  # POSTROOM_API_URL and POSTROOM_API_KEY
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders", status_code=201)
async def order(request: Request, number: str, email: str) -> dict[str, str]:
    postroom: AsyncClient = request.app.state.postroom
    try:
        receipt = await postroom.send(
            to=email,
            subject="Thank you for your order",
            text="We are packing it.\n",
            html="<p>We are <b>packing</b> it.</p>",
            kind="order",
            idempotency_key=f"order/{number}",  # a second click makes no second mail
        )
    except Refused as error:
        raise HTTPException(422, str(error)) from None
    except Unreachable:
        raise HTTPException(503, "Please try again in a moment") from None
    return {"status": "ordered", "mail": receipt.id}


@app.get("/mails/{message_id}")
async def mail(request: Request, message_id: str) -> dict[str, str]:
    postroom: AsyncClient = request.app.state.postroom
    message = await postroom.message(message_id)
    return {one.address: one.state for one in message.recipients}
