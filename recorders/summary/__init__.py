"""The arithmetic of a recording: event rows become joules per inference, with doubts. Pure."""
