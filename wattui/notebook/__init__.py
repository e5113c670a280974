"""Run files in Python and notebooks: `wattui.load`, and the cell magic `%%wattui`."""
