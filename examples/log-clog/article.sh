#!/bin/sh
# The rules as the article prints them.

iptables -A INPUT -p udp --dport 138 -m recent --name udp-138 --rcheck --seconds 300 -j DROP
iptables -A INPUT -p udp --dport 138 -m recent --name udp-138 --set
iptables -A INPUT -j LOG --log-prefix “INPUT-drop”
# - (optional)
iptables -A INPUT -j DROP
iptables -A INPUT -p udp --dport 138 -m recent --name udp-138 --rcheck --hitcount 100 -j DROP
