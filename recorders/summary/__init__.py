"""The arithmetic of a recording, from event rows to joules per inference and flags. Pure."""
