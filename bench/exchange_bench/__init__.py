"""Parts of bench/exchange: see `bench/exchange --help`."""
