"""The control plane's side of the contract with the datapath.

`port` is what the rest of the gateway sees. `client` speaks the contract over `control.sock`;
`fake` keeps the same promises in memory, for tests. `datapath_pb2` is generated from
`datapath/proto/datapath.proto`, which explains every word used here.
"""
