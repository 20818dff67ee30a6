"""The HTTP API `/v1`: a spelling of the calls of `office`, `outbox` and `reports`; it makes no rule about mail."""
