"""report.html: one page, without scripts or network."""
