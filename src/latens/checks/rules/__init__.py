"""One rule a file: `check(context) -> Finding | None`; None also where a rule does not apply."""
