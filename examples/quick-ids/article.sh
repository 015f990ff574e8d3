#!/bin/sh
# The rules as the article prints them: first the usual two, then what replaces the first of them.

iptables -A FORWARD -m recent --name noplacelike --rcheck --seconds 60 -j DROP
iptables -A FORWARD -i eth0 -d 127.0.0.0/8 -m recent --name noplacelike --set -j DROP

iptables -A FORWARD -m recent --name noplacelike --update --seconds 60 -j DROP
