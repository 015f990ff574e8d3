#!/bin/sh
# The rules as the article prints them.

sudo /sbin/iptables -N INPUT-AUTO
sudo /sbin/iptables -I 1 INPUT -j INPUT-AUTO
sudo /sbin/iptables -I INPUT-AUTO -j LOG
