"""The wire: the only package that owns sockets and starts other programs.

    dial      from a host name to a `Link`: resolve once, check each address, connect to exactly that one, TLS
    names     name resolution              guard        which addresses may be connected to
    dns       questions to name servers: MX, SRV, TXT
    link      a connection as bytes        layer        TLS on top of it, in memory
    tls       contexts                     certificate  what a certificate says, why it was refused
    drive     runs the conversations of `postroom.smtp` over a link
    command   runs the host's own sendmail
    http      one question to a web service: an identity provider, a vault
    failures  what the system's errors mean, in plain words

What goes wrong here is data (promise P6): `NoLink`, `Gone`, `smtp.fault.Lost`, `Ran`. Nothing raises because a server
misbehaves.
"""
