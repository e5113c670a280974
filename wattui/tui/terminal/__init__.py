"""The dashboard's dealings with its terminal: odd bytes and sizes, suspending, ending, errors."""
