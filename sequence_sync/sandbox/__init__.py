"""`seqsync sandbox`: a local server that behaves as Saleshandy's API does, as far as that is known.

A stand-in for trying, teaching and testing: it sends nothing, and it is not the real thing. Where the dossier is
unsure it takes the stricter or simpler reading, and `behaviour` switches between readings. It shares no table with
the client on purpose, so that a mistake in either shows when they meet.

    runner, server   sockets, signals          gateway   faults, header rule, log
    app              Starlette                 routes    one function an endpoint
    page, openapi    what is shown             answers   records -> JSON
    bodies, checking JSON -> values            store, office   the rules
    records, codec, disk   what is kept        behaviour, limits   switches, rate limit
"""
