"""Is it up? Checks, the verdicts they lead to, and the runner that keeps thousands of them going.

    table           every type of check by name; reads a configuration
      tcp tls http dns icmp grpc exec file systemd process push haproxy      one type each
      target        where a check connects to, from which address and interface; bounded reading
      encryption    options of TLS, and the certificate's remaining days
      pattern       text that an answer must hold
    runner          all checks of a program: added, changed, removed, triggered while they run
      checker       one check: its rounds, time-outs, and what happens when the checker itself breaks
      hysteresis    results -> verdict
      lag           how late the event loop is
    context         what a probe may use: clocks, chance, threads
      threads       calls that may block, each check at most one
    base            what all checks have in common
    problems        errors of a configuration as sentences

Nothing here knows BGP: what a verdict leads to is decided elsewhere. It needs the extra `daemon`.
"""
