#!/bin/sh
# The rules as the article prints them, without its list numbers; the last three are its other way to end.

iptables -A INPUT -p icmp --icmp-type 8 -m recent --name seenping --set -j ACCEPT

iptables -N ADD_ECHO
iptables -A INPUT -p tcp --dport echo -m recent --name seenping --rcheck -j ADD_ECHO
iptables -A ADD_ECHO -m recent --name seenecho --set -j ACCEPT

iptables -N ADD_BACKEND
iptables -A INPUT -p tcp --dport 8000 -m recent --name seenecho --rcheck --seconds 10 -j ADD_BACKEND
iptables -A INPUT -m recent --name seenecho --remove
iptables -A ADD_BACKEND -m recent --name seenbackend --set -j ACCEPT

iptables -A INPUT -p tcp --dport 3306 -m recent --name seenbackend --rcheck -j ACCEPT

iptables -N MYSQL_OPENED
iptables -A INPUT -m recent --name seenbackend --rcheck -j MYSQL_OPENED
iptables -A MYSQL_OPENED -p tcp --dport 3306 -j ACCEPT
