"""The configuration file: TOML or JSON in, checked values out, all problems at once.

`load` reads a file into `models.Config`, or raises `ConfigError` with every problem it has, each with its
place (`lines`) and a sentence (`sentences`). `build` makes of it what the engine and the decision work with.
"""
