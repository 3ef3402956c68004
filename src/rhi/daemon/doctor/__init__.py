"""What on this host keeps a configuration from working, before or while it is at work.

    finding       one thing that is wrong: a sentence, and what to do
    system        this host as far as it matters, as plain values; tests make their own
    reader        the real one: /proc, netlink, sockets, and a daemon that runs
    diagnose      all findings about a configuration on a system
    rights        ports, files, sockets, limits: what the daemon may do
    sessions      peers, keys, router ids, next hops: whether sessions come up and carry routes
    traffic       addresses, ARP, reverse paths, restarts: whether traffic follows the routes

Nothing is changed, no peer is talked to, and nothing but keys and states is read from a running daemon.
"""
