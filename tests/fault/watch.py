#!/usr/bin/python3
"""Watches a site from outside, 200 times a second: watch.py SITE HOSTS.

Appends to SITE/watched what must never be seen: a `current` that leads
nowhere or to an incomplete release, more hosts out of the pool than max_out.
"""
import os
import socket
import sys
import time

site, hosts = sys.argv[1], int(sys.argv[2])
MAX_OUT = 2
roots = ["%s/hosts/127.0.0.%d/shop" % (site, i + 1) for i in range(hosts)]


def say(text):
    with open(site + "/watched", "a") as log:
        log.write(text + "\n")


def looks(root):
    """None, or what is wrong; a restore from outside is no concern of ours."""
    try:
        to = os.readlink(root + "/current")
        if not to.startswith("releases/"):
            return "current is " + to
        with open(root + "/" + to + "/VERSION") as file:
            if file.read().strip() != to[len("releases/"):]:
                return "current leads to another release: " + to
        if not os.path.exists(root + "/" + to + "/app.env"):
            return "current leads to an incomplete release: " + to
    except FileNotFoundError as error:
        return "current leads nowhere: %s" % error
    return None


def out():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(site + "/haproxy.sock")
        s.sendall(b"show stat\n")
        rows = s.makefile().read().splitlines()
    names = rows[0].lstrip("# ").split(",")
    status = names.index("status")
    return sum(
        not r.split(",")[status].startswith("UP")
        for r in rows[1:]
        if r.startswith("shop,127.")
    )


turn = 0
while os.path.exists(site):
    if os.path.exists(site + "/resting"):
        time.sleep(0.02)
        continue
    for root in roots:
        wrong = looks(root)
        if wrong and looks(root) and not os.path.exists(site + "/resting"):
            say(wrong)
    turn += 1
    if turn % 8 == 0:
        n = out()
        if n > MAX_OUT and not os.path.exists(site + "/resting"):
            say("%d hosts out of the pool" % n)
    time.sleep(0.005)
