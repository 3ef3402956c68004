"""The addresses of services on the interfaces of this host.

    kernel ── picture, changes ──► keeper ── presence ──► decision
      ▲                              │ ▲
      └────── add, remove ───────────┘ └── routes that come and go

`spec` is what is configured, `plan` decides without any I/O, `kernel` follows and changes the interfaces,
`keeper` joins them in the daemon's event loop, `arp` knows the traps of addresses on loopback interfaces.
"""
