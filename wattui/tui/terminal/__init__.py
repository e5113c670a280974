"""The dashboard's terminal layer: input bytes, sizes, suspending, exiting, crashes."""
