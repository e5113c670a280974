"""Shows results and recordings without Textual: quantities, tables, plots, exports."""
