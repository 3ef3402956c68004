"""From verdicts of checks to the routes that should be announced; pure, with time as an argument.

    verdicts --policy--> level --damping, dwell--> standing --override--> wish
    wishes of all services --address--> wanted routes --guard--> announced routes

`spec` has what an operator configures, `policy`, `damping`, `overrides`, `addresses` and `guard` each decide
one thing, and `reconciler` asks them in this order. `routes` is what is remembered of an address,
`membership` of a group, and `deadlines` tells what is due. Nothing here does I/O, and nothing is
edge-triggered: the same inputs at the same time give the same answer however often asked.
"""
