"""asyncio and the operating system: the driver of `core`.

pool          peers, their route table, listeners; everything happens in one event loop
  session     drives one `core.Peer`: dials, pulls bytes while the socket takes them, arms one timer
    connection  one TCP connection
  listener    accepts connections and hands them to the session they belong to
  dynamic     sessions of peers that are known by prefix only, and their limits
  key_watch   looks at key_drops for peers that we wait for
endpoint      peers' and listeners' addresses, with zones
keys          which sockets have which keys, TCP MD5 or TCP-AO
key_drops     what the kernel dropped over keys
sockopt       socket options that the standard library has no names for; tcp_ao: those of TCP-AO
"""
