"""A second implementation of an FSC peer, written from the text of FSC Core 2.0.0 and FSC Logging 1.1.0."""
