"""One module for each thing that is measured: `measure(bench)` gives its lines of the table."""
