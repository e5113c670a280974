"""Other tools' logs as recordings: one file per format, data in, data out."""
