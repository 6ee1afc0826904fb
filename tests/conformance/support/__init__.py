"""An FSC peer in Python, written from the text of the standard, and what drives the node under test."""
