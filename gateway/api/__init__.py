"""HTTP as clients and operators see it. What a request means is decided further down.

`front_door` takes connections in, `client` is what clients reach, `management` what operators
reach, `trial` the page of `gateway serve --dev`.
"""
