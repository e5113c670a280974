"""The launch form's contents, turned into something to record. Pure."""
