#!/bin/sh
# The example line of each option, as the tutorial's table prints it.

iptables -A OUTPUT -m recent --name examplelist
iptables -A OUTPUT -m recent --set
iptables -A OUTPUT -m recent --name examplelist --rcheck
iptables -A OUTPUT -m recent --name examplelist --update
iptables -A INPUT -m recent --name example --remove
iptables -A INPUT -m recent --name example --check --seconds 60
iptables -A INPUT -m recent --name example --check --hitcount 20
iptables -A INPUT -m recent --name example --check --rttl
iptables -A INPUT -m recent --name example --rsource
iptables -A INPUT -m recent --name example --rdest
