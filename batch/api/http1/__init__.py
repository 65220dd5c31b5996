"""HTTP/1.1 over one kept-alive connection to one server, as an httpx transport of our own.

`fast_transport` is the door; it dials (`dialing`), talks over an asyncio protocol (`connection`)
and reads answers with llhttp (`answer_parser`). The room owns bytes, time limits and the classes
of faults, which are those of httpx's own transport: a fault before anything left is a ConnectError
or a ConnectTimeout. It knows no proxy, no retry and nothing of what is sent.

It is stricter than httpx's own transport and refuses: folded headers; control characters in
headers; `Content-Length` said twice; malformed chunk extensions; HTTP versions such as 1.2;
anything after a body in chunks whose `chunked` has white space behind it. It never takes an answer
too many for that of the next request, which httpx's own can. test_strictness.py holds the two to
one table.
"""
