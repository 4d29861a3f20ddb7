"""The places for recorders: ports, hot-plug news, and what each bay does next."""
