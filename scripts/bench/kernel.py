"""The kernel's side of a benchmark, in a network namespace of its own: packets written to tun devices, and rules.

Reads one request a line (JSON) and answers each with a line. A write to a tun device is dealt with before it returns, so
that its time is the packet's.
"""
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001

devices = {}
packets = {}


def open_device(name, address):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
    for words in (["addr", "add", address, "dev", name], ["link", "set", name, "up"]):
        subprocess.run(["ip", *words], check=True)
    devices[name] = fd


def set_up(request):
    settings = {"ip_forward": 1, "conf/all/rp_filter": 0, "conf/default/rp_filter": 0}
    for name, value in settings.items():
        with open(f"/proc/sys/net/ipv4/{name}", "w") as file:
            file.write(str(value))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, address in request["devices"].items():
        open_device(name, address)
    for route in request["routes"]:
        subprocess.run(["ip", "route", "add", *route.split()], check=True)
    # What is delivered finds a socket, whose buffer is soon full.
    global listener
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("0.0.0.0", request["port"]))
    return {}


def restore(request):
    done = subprocess.run([f"iptables-{request['kind']}-restore"], input=request["rules"], text=True, capture_output=True)
    return {"error": done.stderr if done.returncode else None}


def save(request):
    command = [f"iptables-{request['kind']}-save", "-c"]
    return {"text": subprocess.run(command, text=True, capture_output=True).stdout}


def learn(request):
    packets[request["name"]] = [(devices[device], bytes.fromhex(octets)) for device, octets in request["packets"]]
    return {}


def run(request):
    known = packets[request["name"]]
    count = request["count"]
    plan = (known * (count // len(known) + 1))[:count]
    write = os.write
    cpu = time.process_time_ns()
    start = time.perf_counter_ns()
    for fd, packet in plan:
        write(fd, packet)
    end = time.perf_counter_ns()
    return {"wall": (end - start) / count, "cpu": (time.process_time_ns() - cpu) / count}


answers = {"set_up": set_up, "restore": restore, "save": save, "learn": learn, "run": run}
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = answers[request["do"]](request)
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
