"""Adopts a reservation again and again beside processes that want its port, or connect to it; prints how often it went wrong."""

import errno
import json
import os
import signal
import socket
import struct
import sys

order, rivals, count, times, port = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
ADDRESS = ("127.0.0.1", port)
RESET = struct.pack("ii", 1, 0)


def made(reuse):
    new = socket.socket()
    if reuse:
        new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return new


def intrude():
    while True:
        with made(reuse=True) as intruder:
            try:
                intruder.bind(ADDRESS)
                intruder.listen()
            except OSError as error:
                assert error.errno == errno.EADDRINUSE


def visit():
    while True:
        with made(reuse=False) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            # A SYN that meets nobody, because the listener is closing, would be sent again after a second.
            client.settimeout(0.01)
            try:
                client.connect(ADDRESS)
            except socket.timeout:
                pass
            except OSError as error:
                # Refused; or accepted, and reset at once.
                assert error.errno in (errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE)


def reserve():
    while True:
        reservation = made(reuse=False)
        try:
            reservation.bind(ADDRESS)
            return reservation
        except OSError as error:
            # An intruder has it at the moment, or what it left.
            assert error.errno == errno.EADDRINUSE
            reservation.close()


def adopt(reservation):
    steps = [
        lambda: reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
        reservation.listen,
    ]
    try:
        for step in steps if order == "set, listen" else reversed(steps):
            step()
    except OSError as error:
        assert error.errno == errno.EADDRINUSE
        return False
    return True


def accepted_without(listener):
    """How many connections a listener has at once, and how many of them have not inherited SO_REUSEADDR."""
    found = without = 0
    while found < 16:
        connection, _ = listener.accept()
        with connection:
            found += 1
            without += connection.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    return found, without


children = []
for _ in range(count):
    child = os.fork()
    if child == 0:
        try:
            (intrude if rivals == "intruders" else visit)()
        finally:
            os._exit(1)
    children.append(child)

lost = connections = without = 0
try:
    for _ in range(times):
        with reserve() as reservation:
            if not adopt(reservation):
                lost += 1
            elif rivals == "clients":
                found, bare = accepted_without(reservation)
                connections += found
                without += bare
finally:
    for child in children:
        os.kill(child, signal.SIGKILL)
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

# One that failed on the way was no rival any more.
assert all(end == -signal.SIGKILL for end in ends), ends

print(json.dumps({"adoptions": times, "lost": lost, "connections": connections, "without": without}))
