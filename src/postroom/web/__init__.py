"""The doors of Postroom that speak HTTP: the API, and what serves it."""
