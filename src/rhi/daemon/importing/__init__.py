"""From what others are configured with to a configuration file of rhi: a converter for each source.

Each takes text and a `Draft`, and writes into it; nothing is started, and nothing of the source is run. What
has no equivalent becomes a note: a comment where it would stand, and a sentence for standard error.
"""
