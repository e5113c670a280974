"""The state of the dashboard, kept without Textual."""
