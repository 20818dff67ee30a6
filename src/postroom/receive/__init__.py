"""What comes back, understood: delivery reports, read receipts, complaints, automatic answers, replies.

`sorting` says what a message is and reads it; `report`, `loose_report`, `receipts`, `automatic` and `written` each know
one of its kinds, `tag` the addresses that lead back to a message. All of them are pure: octets in, data out, and no
octets make them fail. Fetching mail and tying it to messages is left to others.
"""
