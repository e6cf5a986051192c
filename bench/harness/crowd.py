"""Fills the system until the input ends: SOCKETS of several processes, PROCESSES with DESCRIPTORS each; then listeners on PORTS."""

import os
import resource
import sys

sockets, processes, descriptors, *ports = map(int, sys.argv[1:])

# Fewer than one source address has ephemeral ports for, to one destination.
MOST_SOCKETS = 10_000
# Besides its own: standard streams, two pipes, and a listener while it connects.
OTHERS = 32

_, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
most = min(MOST_SOCKETS, (limit - OTHERS) // 2 * 2)


def connect(count):
    """Two sockets for each connection. What closes one resets it, so that nothing is left behind."""
    # Not above: every process that is started copies what is loaded.
    import socket
    import struct

    kept = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(count // 2):
            client = socket.create_connection(listener.getsockname())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            kept += [client, listener.accept()[0]]
    return kept


def listen(port):
    import socket

    return socket.create_server(("127.0.0.1", port))


def fill():
    """Half of them pipes and half a device."""
    device = os.open("/dev/null", os.O_RDONLY)
    opened = device + 1
    while opened < descriptors:
        opened = os.dup(device if opened % 2 else waiting) + 1


waiting, ending = os.pipe()
children = 0


def start(occupations):
    """A process for each; returns their pids when all are occupied, or raises what the first of them says."""
    global children
    said, saying = os.pipe()
    pids = []
    for occupy, *count in occupations:
        pid = os.fork()
        if pid > 0:
            children += 1
            pids.append(pid)
            continue
        os.close(ending)
        os.close(said)
        try:
            kept = occupy(*count)
        except OSError as error:
            os.write(saying, f"{error}\n".encode())
        os.close(saying)
        # The other end is closed when the parent ends, however it does.
        os.read(waiting, 1)
        os._exit(0)
    os.close(saying)
    with os.fdopen(said) as answers:
        for refusal in answers:
            raise OSError(refusal.strip())
    return pids


try:
    start([(connect, min(most, sockets - first)) for first in range(0, sockets, most)])
    start([(fill,)] * processes)
    # Started last: whoever looks through /proc in its order comes to them at the end.
    print("ready", *start([(listen, port) for port in ports]), flush=True)
except OSError as error:
    print(error, flush=True)

sys.stdin.read()
os.close(ending)
for _ in range(children):
    os.wait()
