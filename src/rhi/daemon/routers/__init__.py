"""The router's side of a configuration: what `rhi sample` prints.

`session` says once what a router has to know, `table` names the routers, and one file per router writes it
down in its language.
"""
