"""The nouns of Postroom: frozen dataclasses, enums and the table of states.

No behaviour beyond what a noun knows of itself.
"""
