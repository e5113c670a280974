"""The fixture `joules` of the pytest plugin: measures functions, saves and compares results."""
