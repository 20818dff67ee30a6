"""The steps of the checklist: what they share, and a module of rows for each product that the specification is from."""
