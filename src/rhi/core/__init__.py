"""A BGP session without sockets: bytes, commands and `now` go in; bytes, actions and events come out.

    peer            one neighbour: its connections, who wins a collision, what it is told
      dialer        when to connect, and how long to pause (Idle, Connect, Active)
      fsm           one TCP connection (OpenSent, OpenConfirm, Established)
      open_policy   our OPEN, and the judgement of theirs
      export        one route's attributes as this peer gets them
      adj_rib_out   what the peer has, what it should have, and the UPDATEs between the two
    route_table     what should be announced; shared by all peers
    timers          deadlines by kind

Nothing here reads a clock, draws a random number, opens a socket or logs: see `tests/test_layers.py`.
"""
