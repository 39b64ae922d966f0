"""One format a file: `DESCRIPTION`, `sniff(path)`, `read(path, ...)`."""
