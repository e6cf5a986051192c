"""Fills the system until the input ends: PROCESSES with DESCRIPTORS each, half of them pipes and half a device, and SOCKETS of one."""

import os
import resource
import socket
import sys

processes, descriptors, sockets = map(int, sys.argv[1:])

waiting, ending = os.pipe()
for _ in range(processes):
    if os.fork() == 0:
        os.close(ending)
        device = os.open("/dev/null", os.O_RDONLY)
        for open_already in range(5, descriptors):
            os.dup(device if open_already % 2 else waiting)
        # The other end is closed when the parent ends, however it does.
        os.read(waiting, 1)
        os._exit(0)

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
kept = []
listener = socket.create_server(("127.0.0.1", 0))
while len(kept) < sockets - 1:
    client = socket.create_connection(listener.getsockname())
    kept.extend([client, listener.accept()[0]])
if sockets == 0:
    listener.close()

print("ready", flush=True)
sys.stdin.read()
os.close(ending)
for _ in range(processes):
    os.wait()
