"""Evidence made and verified in a language and by readings of its own, from docs/formats and the standards they name."""
