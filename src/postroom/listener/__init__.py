"""The SMTP door: sockets, TLS and who may come in, around the pure conversation of `smtp.server`."""
