"""The power-loss drill: see ../README.md."""
