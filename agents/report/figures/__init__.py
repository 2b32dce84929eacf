"""Pictures in files: sensitivity, success curves, confusion, robustness."""
