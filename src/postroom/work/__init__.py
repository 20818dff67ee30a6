"""The workroom: lanes that deliver, upkeep that keeps the house, and the service that starts and stops them."""
