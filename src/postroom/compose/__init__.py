"""The pure layer that turns a letter into the bytes of a message.

The way through it: `letter.Letter` (what an application wants to say) → `letter.faults` (everything that is wrong with
it) → `render.render` (the bytes, fixed by the letter, the Message-ID and the date alone). The parts, from below:
`markup` reads HTML, `text` and `footer` use it; `headers` and `media` know how values are refused and spelled; `mime`
writes bodies; `message_id` names messages. No socket, thread, database, clock or chance is used here.
"""
