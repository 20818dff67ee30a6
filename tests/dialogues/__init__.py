"""SMTP conversations, real and hostile, told as text, and the stage on which the client plays its part.

`stage` drives the client's generators as the product's driver does, against a server that is an object in memory;
`script` reads the `*.txt` files; `mailhost` is an honest server that can die at any byte.
"""
