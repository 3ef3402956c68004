"""asyncio and the operating system: the driver of `core`.

pool          peers, their route table, listeners; everything happens in one event loop
  session     drives one `core.Peer`: dials, pulls bytes while the socket takes them, arms one timer
    connection  one TCP connection
  listener    accepts connections and hands them to the session they belong to
endpoint      peers' and listeners' addresses, with zones
sockopt       socket options that the standard library has no names for
"""
