#!/bin/sh
# The rules as the article prints them, with what its page left in them.

sudo /sbin/iptables -A INPUT -m state --state NEW \<br />
-m tcp -p tcp -s 10.32.1.0/24 --dport 3306 -j ACCEPT

sudo /sbin/iptables -I 12 INPUT -m state --state NEW \<br />
-m tcp -p tcp -s 10.32.1.0/24 --dport 3306 -j ACCEPT
