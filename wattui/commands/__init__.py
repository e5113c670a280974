"""The subcommands: one module each, named like it, imported when it is called."""
