"""From a backend that is closed to a withdrawal in the router's table: rhi beside ExaBGP's healthcheck and
anycast-healthchecker with BIRD, all watching the same backend, in one run.
"""
