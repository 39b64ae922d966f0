"""Sessions of questions and numbered menus: the reports' two programs, and `latens menu`.

A session talks through two functions, one that asks and one that says, so that it needs no
terminal. Nothing here imports the command line.
"""
