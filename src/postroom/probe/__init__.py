"""Looking at servers without sending anything: what one shows, and what is to be made of it."""
