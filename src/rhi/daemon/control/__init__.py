"""How the daemon is watched and told what to do: HTTP over a Unix socket, and over TCP with a token.

    server        sockets: made, guarded against strangers, removed
    connection    one client: how long it may take, how much it may send
    application   from a request to an endpoint, from an answer or an error to JSON
    auth          tokens of clients over TCP, names of users over the Unix socket
    endpoints     the table of all endpoints; `openapi` is made from it
    handlers      what each endpoint does; `stream` has the one for events
    planning      configurations that clients show, for a plan
    desk          what they work with, and how requests take turns
    views         what answers look like; `requests` what is asked
    show          from the parts of the daemon to views

Everything runs in the daemon's own event loop, where decisions are made, and does little at a time.
"""
