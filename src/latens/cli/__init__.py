"""The command line: a thin layer over `latens.app`. Nothing heavy is imported before it is used."""
