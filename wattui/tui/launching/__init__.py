"""The meaning of a filled-in launch form. Pure."""
