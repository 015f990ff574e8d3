#!/bin/sh
# The rules as the article prints them, and the command that lets an address in.

iptables -A INPUT -d [server] -p tcp --dport 443 -j ALLOW
iptables -A INPUT -d [server] -p tcp --dport 80 -m recent --name authok --rcheck -j ALLOW

# echo [IP] >> /proc/net/xt_recent/[name]
