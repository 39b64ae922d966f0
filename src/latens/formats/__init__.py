"""Formats of other programs, one file each; its name is what people type after `--to`.

Each has `write(chain, file)` and perhaps `read(file, ...) -> Chain`; its docstring says what it
can hold. What they hold is a `Chain` (`latens.formats._chain`): layers in a row with their weights.
What a format cannot hold ends in a `UsageError` with the code ``not-applicable`` and the reason.
"""
