/** Whole sessions with iptables, iptables-save and iptables-restore: exit codes, output and messages as iptables' own. */
import { describe, it } from 'vitest'
import { kernelIsOutOfReach } from '../../src/ext/_testing/kernel.ts'
import { expectAlike, linesOf } from './real-programs.ts'

/** `PROGRAM WORDS`, and with ` < TEXT` behind it what it reads, where `|` stands for a line end. */
const sessions: Readonly<Record<string, string>> = {
  verbs: `
    iptables -N web
    iptables -N web
    iptables -N Alpha
    iptables -A web -j Alpha
    iptables -A INPUT -g web
    iptables -X Alpha
    iptables -X INPUT
    iptables -X
    iptables -E web www
    iptables -E nope x
    iptables -E Alpha www
    iptables -E INPUT x
    iptables -S
    iptables -L -n
    iptables -L
    iptables -L -n -v -x --line-numbers
    iptables -L -nvZ
    iptables -v -S
    iptables -F nope
    iptables -L nope
    iptables -S nope
    iptables -Z nope
    iptables -P INPUT REJECT
    iptables -P www DROP
    iptables -P nope DROP
    iptables -P FORWARD DROP
    iptables -A Alpha -j www
    iptables -A INPUT -j missing
    iptables -A INPUT -g missing
    iptables -A nochain -j ACCEPT
    iptables -I nochain -j ACCEPT
    iptables -D nochain -j ACCEPT
    iptables -C nochain -j ACCEPT
    iptables -R nochain 1 -j ACCEPT
    iptables -N LOG
    iptables -N -x
    iptables -N !x
    iptables -N abcdefghijklmnopqrstuvwxyz123
    iptables -t nope -L
    iptables -t nat -A PREROUTING -j DROP
    iptables -t nat -P PREROUTING DROP
    iptables -t nat -S
    iptables-save
    iptables -F -v
    iptables -Z -v
    iptables -X -v
    iptables-save -c -t filter
    iptables-save -t nope
    iptables -V
    iptables-save -V
    iptables-restore -V
  `,
  rules: `
    iptables -A INPUT -s 10.0.0.0/8 -i eth0 -p tcp -j ACCEPT
    iptables -A INPUT ! -s 192.168.0.0/16 ! -i lo -p udp -j DROP
    iptables -A INPUT -d 127.0.0.1 ! -o eth+ ! -p icmp
    iptables -A FORWARD ! -f -d 1.2.3.0/255.255.0.255 -o wlan0 -p 33 -j RETURN
    iptables -A FORWARD -f -j QUEUE
    iptables -S
    iptables -L
    iptables -L -v
    iptables -L -nv --line-numbers
    iptables -L INPUT 2 -n
    iptables -L INPUT 44 -n
    iptables -S INPUT 2
    iptables -S INPUT 44
    iptables -S -v INPUT
    iptables -v -S INPUT
    iptables -D INPUT 7
    iptables -I INPUT 5 -j ACCEPT
    iptables -I INPUT 0 -j ACCEPT
    iptables -I INPUT 4 -j ACCEPT
    iptables -R INPUT 1 -c 10 2000 -p 6 -j ACCEPT
    iptables -R INPUT 9 -j ACCEPT
    iptables -v -S INPUT 1
    iptables -L INPUT -vn
    iptables -Z INPUT 9
    iptables -Z INPUT 1
    iptables -I INPUT 2 -s 1.1.1.1,2.2.2.2 -j DROP
    iptables -v -A INPUT -s 4.4.4.4 -i eth0 ! -p tcp -j DROP
    iptables -v -I INPUT -j ACCEPT
    iptables -v -C INPUT -j ACCEPT
    iptables -v -D INPUT -s 1.1.1.1 -j DROP
    iptables -v -D INPUT -s 4.4.4.4 -j DROP
    iptables -R INPUT 1 -s 1.1.1.1,2.2.2.2 -j DROP
    iptables -A INPUT ! -s 1.1.1.1,2.2.2.2 -j DROP
    iptables -C INPUT -p tcp -j ACCEPT
    iptables -C INPUT -p sctp -j ACCEPT
    iptables -C INPUT -p sctp -j REJECT
    iptables -D INPUT 1
    iptables -D INPUT 77
    iptables -A INPUT -j REJECT --reject-with tcp-reset
    iptables --append INPUT --source 9.9.9.9 --jump ACCEPT
    iptables --list-rules INPUT
    iptables -L --numeric=3
    iptables --flush=INPUT
    iptables -A INPUT -p tcp --syn=3
    iptables-save
    ip6tables -A INPUT -s 2001:db8::/32 -p ipv6-icmp -j ACCEPT
    ip6tables -A INPUT -s 2001:db8::1 ! -d fe80::/10 -j DROP
    ip6tables -L
    ip6tables -L -nv
    ip6tables -v -A INPUT -s ::1 -j DROP
    ip6tables-save -c
    iptables -A INPUT -c 99999 100000 -j ACCEPT
    iptables -A INPUT -c 9999499,9999500 -j ACCEPT
    iptables -A INPUT -c 18446744073709551615 1234567890123 -j ACCEPT
    iptables -L -v
    iptables -L -v -x
    iptables -P FORWARD DROP -c 5 6
    iptables -L FORWARD -v
  `,
  mistakes: `
    iptables
    iptables -A
    iptables -A INPUT --dport 22 -j ACCEPT
    iptables -A INPUT -p tcp --dport 70000 -j ACCEPT
    iptables -A INPUT -p tcp --dport 90:80 -j ACCEPT
    iptables -A INPUT -p nope -j ACCEPT
    iptables -A INPUT -p 256 -j ACCEPT
    iptables -A INPUT ! -p all -j ACCEPT
    iptables -A INPUT -s 1.2.3.4/33 -j ACCEPT
    iptables -A INPUT -s 300.1.1.1 -j ACCEPT
    iptables -A INPUT -o eth0 -j ACCEPT
    iptables -A OUTPUT -i eth0 -j ACCEPT
    iptables -A INPUT -m nomatch -j ACCEPT
    iptables -A INPUT -j ACCEPT junk
    iptables -A INPUT junk -j ACCEPT
    iptables -A INPUT -n -j ACCEPT
    iptables -L -s 1.1.1.1
    iptables -F -j DROP
    iptables -L -A INPUT
    iptables -A INPUT -L
    iptables -A INPUT -D INPUT
    iptables -A INPUT ! ! -p tcp
    iptables -A INPUT -p tcp !
    iptables -A INPUT ! -j ACCEPT
    iptables -A INPUT -j ACCEPT -j DROP
    iptables -A INPUT -s 1.1.1.1 -s 2.2.2.2
    iptables -A INPUT -i thisinterfaceistoolong0
    iptables -R INPUT
    iptables -R INPUT x -j ACCEPT
    iptables -P INPUT
    iptables -E a
    iptables -D INPUT 0
    iptables -I 12 INPUT
    iptables -Q
    iptables --nothing
    iptables -j
    iptables -A INPUT -p
    iptables -A INPUT -m limit --limit 5/fortnight
    iptables -A INPUT -m tcp --dport 5
    iptables -A INPUT -m limit --limit 1/day
    iptables-save --nothing
    iptables-restore --nothing
    iptables -S
  `,
  restore: `
    iptables-restore < *filter|:INPUT DROP [1:2]|:t - [5:6]|[7:8] -A t -j ACCEPT|-A INPUT -j t|COMMIT|
    iptables-save -c
    iptables-restore -c < *filter|:INPUT DROP [1:2]|:t - [5:6]|[7:8] -A t -j ACCEPT|-A INPUT -j t|COMMIT|
    iptables-save -c
    iptables -L -n -v -x
    iptables-restore < *filter|-A INPUT -j NOPE|COMMIT|
    iptables-restore < *filter|-A NOCHAIN -j ACCEPT|COMMIT|
    iptables-restore < *filter|-A INPUT -j ACCEPT|
    iptables-restore < *bogus|COMMIT|
    iptables-restore < bogus|
    iptables-restore --noflush < *filter|:t - [0:0]|-A INPUT -j ACCEPT|COMMIT|
    iptables -S
    iptables-restore --test < *filter|-A INPUT -j DROP|COMMIT|
    iptables-restore -t < *filter|-A INPUT -j REJECT --reject-with tcp-reset|COMMIT|
    iptables -S INPUT
    iptables-restore < *mangle|-A INPUT -j DROP|COMMIT|*filter|-A INPUT -p nope|COMMIT|
    iptables-save
    iptables-restore -T filter < *mangle|-A OUTPUT -j DROP|COMMIT|*filter|-A OUTPUT -j ACCEPT|COMMIT|
    iptables-save
    iptables-restore < *filter|-A INPUT -t nat -j ACCEPT|COMMIT|
    iptables-restore < *filter|:INPUT|COMMIT|
    iptables-restore < *filter|:INPUT REJECT [0:0]|COMMIT|
    iptables-restore < *filter|-A INPUT -j DROP|COMMIT
    iptables-restore < *filter|-A INPUT -p tcp --dport|COMMIT|
    iptables-restore < *filter|-A INPUT -j REJECT --reject-with tcp-reset|COMMIT|
    iptables-restore < *filter|:a - [0:0]|:a - [0:0]|COMMIT|
    iptables-restore < *filter|  |COMMIT|
    ip6tables-restore < *filter|-A INPUT -s ::1 -j DROP|COMMIT|
    ip6tables-save
  `,
  rates: `
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps 5
    iptables -A INPUT -j RATEEST --rateest-name R1 --rateest-interval 250ms --rateest-ewmalog 500ms
    iptables -A INPUT -j RATEEST --rateest-name R2 --rateest-interval 250ms --rateest-ewmalog 500ms
    iptables -A INPUT -j RATEEST --rateest-name R2 --rateest-interval 500ms --rateest-ewmalog 1s
    iptables -A INPUT -m rateest
    iptables -A INPUT -m rateest --rateest R1
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps 8
    iptables -A INPUT -m rateest --rateest R1 ! --rateest-lt --rateest-bps 800000
    iptables -A INPUT -m rateest --rateest R1 ! --rateest-lt --rateest-bps 8000000
    iptables -A INPUT -m rateest --rateest R1 ! --rateest-lt --rateest-bps 80000000
    iptables -A INPUT -m rateest --rateest R1 ! --rateest-lt --rateest-bps 800000000
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps 8000000000000
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps 1.5mbit
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps 1KiBps
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps 1foo
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps foo
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps -5
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-pps 0x10
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-pps foo
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-pps
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-pps 5 --rateest-bps 8
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps 8 --rateest-pps 5
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps2 8
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps1 8
    iptables -A INPUT -m rateest --rateest R1 --rateest-bps1 8 --rateest-lt --rateest-bps2 16
    iptables -A INPUT -m rateest --rateest R1 --rateest-pps1 8 --rateest-lt --rateest-bps2 16
    iptables -A INPUT -m rateest --rateest-delta --rateest R1 --rateest-bps1 8 --rateest-pps1 3 --rateest-lt --rateest-bps2 16 --rateest-pps2 7
    iptables -A INPUT -m rateest --rateest-delta --rateest R1 --rateest-lt --rateest-bps2 16
    iptables -A INPUT -m rateest --rateest-delta --rateest R1 --rateest-bps1 8 --rateest-lt
    iptables -A INPUT -m rateest --rateest-delta --rateest R1 --rateest-lt --rateest-bps 16
    iptables -A INPUT -m rateest --rateest1 R1 --rateest2 R2 --rateest-lt --rateest-bps
    iptables -A INPUT -m rateest --rateest1 R1 --rateest-bps --rateest-gt --rateest2 R2
    iptables -A INPUT -m rateest --rateest1 R1 --rateest-bps --rateest-pps ! --rateest-gt --rateest2 R2
    iptables -A INPUT -m rateest --rateest1 R1 --rateest-bps 5 --rateest-gt --rateest2 R2
    iptables -A INPUT -m rateest --rateest1 R1 --rateest-bps1 5 --rateest-gt --rateest2 R2
    iptables -A INPUT -m rateest --rateest1 R1 --rateest-bps1 --rateest-gt --rateest-bps2 --rateest2 R2
    iptables -A INPUT -m rateest --rateest1 R1 --rateest-gt --rateest2 R2
    iptables -A INPUT -m rateest --rateest1 R1 --rateest2 R2 --rateest-pps
    iptables -A INPUT -m rateest --rateest-delta --rateest1 R1 --rateest-bps1 40 --rateest-eq --rateest2 R2 --rateest-bps2 80
    iptables -A INPUT -m rateest --rateest-delta --rateest1 R1 --rateest-bps1 40 --rateest-pps1 2 --rateest-eq --rateest2 R2 --rateest-bps2 80 --rateest-pps2 3
    iptables -A INPUT -m rateest --rateest-delta --rateest1 R1 --rateest-eq --rateest2 R2 --rateest-bps2 80
    iptables -A INPUT -m rateest --rateest-delta --rateest1 R1 --rateest-bps --rateest-eq --rateest2 R2
    iptables -A INPUT -m rateest --rateest1 R1 --rateest2 NO --rateest-lt --rateest-bps
    iptables -A INPUT -m rateest --rateest NO --rateest-lt --rateest-bps 5
    iptables -A INPUT -m rateest --rateest2 R2 --rateest-lt --rateest-bps 5
    iptables -A INPUT -m rateest --rateest-lt --rateest-bps 5
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-lt --rateest-bps 5
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-gt --rateest-bps 5
    iptables -A INPUT -m rateest --rateest R1 --rateest R1 --rateest-gt --rateest-bps 5
    iptables -A INPUT -m rateest --rateest R1 --rateest-gt --rateest-bps 5 --rateest-bps 6
    iptables -A INPUT -m rateest --rateest R1 --rateest-gt --rateest-bps1 5 --rateest-bps1 6
    iptables -A INPUT -m rateest --rateest R1 --rateest-delta --rateest-delta
    iptables -A INPUT -m rateest ! --rateest R1 --rateest-lt --rateest-bps 5
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt ! --rateest-bps 5
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt ! --rateest-pps 5
    iptables -A INPUT -m rateest ! --rateest-delta
    iptables -A INPUT -m rateest --rateest abcdefghijklmnopqrstuv --rateest-lt --rateest-pps 5
    iptables -A INPUT -m rateest --rateest-delta --rateest1 R1 ! --rateest-eq --rateest2 R2 --rateest-pps2 80
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps 0
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps 3bit
    iptables -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-bps=5
    iptables -S
    iptables -L -n
    iptables -L
    ip6tables -A INPUT -m rateest --rateest R1 --rateest-gt --rateest-pps 7
    iptables -D INPUT 1
    iptables -t mangle -A INPUT -m rateest --rateest R1 --rateest-lt --rateest-pps 1
    iptables -F
    iptables -t mangle -F
    iptables -A INPUT -m rateest --rateest R1 --rateest-eq --rateest-pps 1
    iptables -F
    ip6tables -F
    iptables -A INPUT -m rateest --rateest R1 --rateest-eq --rateest-pps 1
  `,
  matches: `
    iptables -A INPUT -m policy
    iptables -A INPUT -m policy --dir in
    iptables -A INPUT -m policy --dir x
    iptables -A INPUT -m policy --pol ipsec
    iptables -A INPUT -m policy --dir in --pol none
    iptables -A INPUT -m policy --dir in --pol foo
    iptables -A INPUT -m policy --dir in --pol none --strict
    iptables -A INPUT -m policy --dir in --pol none --reqid 3
    iptables -A INPUT -m policy --dir in --pol none --proto esp
    iptables -A INPUT -m policy --dir in --proto 50
    iptables -A INPUT -m policy --dir in --proto AH
    iptables -A INPUT -m policy --dir in --proto tcp
    iptables -A INPUT -m policy --dir in --proto nope
    iptables -A INPUT -m policy --dir in --mode x
    iptables -A INPUT -m policy --dir in ! --mode tunnel --tunnel-src 1.2.3.4
    iptables -A INPUT -m policy --dir in ! --mode transport --tunnel-src 1.2.3.4
    iptables -A INPUT -m policy --dir in --tunnel-src 1.2.3.4
    iptables -A INPUT -m policy --dir in --tunnel-src 1.2.3.4/24
    iptables -A INPUT -m policy --dir in --tunnel-src 1.2.3.4/255.0.255.0
    iptables -A INPUT -m policy --dir in --tunnel-dst 0.0.0.0/0
    iptables -A INPUT -m policy --dir in --reqid 3 --reqid 3
    iptables -A INPUT -m policy --dir in --spi 3 --spi 3
    iptables -A INPUT -m policy --dir in --next
    iptables -A INPUT -m policy --dir in --strict --reqid 3 --next
    iptables -A INPUT -m policy --dir in --strict --reqid 3 --next --reqid 4 --next --reqid 5 --next --reqid 6
    iptables -A INPUT -m policy --dir in --strict --reqid 3 --next --reqid 4 --next --reqid 5 --next --reqid 6 --next --reqid 7
    iptables -A INPUT -m policy ! --dir in --pol ipsec
    iptables -A INPUT -m policy --dir in --dir out
    iptables -A INPUT -m policy --dir out
    iptables -A INPUT -m policy --dir in ! --reqid 3 ! --spi 17 ! --proto ah ! --mode transport ! --tunnel-src 1.1.1.0/24 ! --tunnel-dst 2.2.2.0/24
    iptables -A INPUT -m policy --dir in --reqid -1
    iptables -A INPUT -m policy --dir in --spi 0xffffffff
    iptables -A OUTPUT -m policy --dir in
    iptables -A OUTPUT -m policy --dir out
    iptables -A FORWARD -m policy --dir in
    iptables -A FORWARD -m policy --dir out
    iptables -A INPUT -m cluster 
    iptables -A INPUT -m cluster --cluster-total-nodes 0
    iptables -A INPUT -m cluster --cluster-total-nodes 33
    iptables -A INPUT -m cluster --cluster-total-nodes 32 --cluster-local-node 32 --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-total-nodes 32 --cluster-local-node 33 --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-total-nodes 3 --cluster-local-node 4 --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-total-nodes 3 ! --cluster-local-node 2 --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-total-nodes 3 --cluster-local-nodemask 7 --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-total-nodes 3 --cluster-local-nodemask 8 --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-total-nodes 3 --cluster-local-nodemask 0 --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-total-nodes 32 --cluster-local-nodemask 33 --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-total-nodes 32 --cluster-local-nodemask 0xffffffff --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-total-nodes 3 --cluster-local-nodemask 3 --cluster-local-node 1 --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-local-node 1 --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-total-nodes 3 --cluster-local-node 1 --cluster-hash-seed x
    iptables -A INPUT -m cluster --cluster-total-nodes 3 --cluster-total-nodes 3
    iptables -A INPUT -m cluster ! --cluster-total-nodes 3
    iptables -A INPUT -m cluster --cluster-total-nodes 3 --cluster-local-node 1
    iptables -A INPUT -m cluster --cluster-total-nodes 3 --cluster-hash-seed 1
    iptables -A INPUT -m cluster --cluster-hash-seed 1
    iptables -A INPUT -m nfacct
    iptables -A INPUT -m nfacct --nfacct-name
    iptables -A INPUT -m nfacct --nfacct-name x
    iptables -A INPUT -m nfacct ! --nfacct-name x
    iptables -A INPUT -m nfacct --nfacct-name abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz
    iptables -A INPUT -m ipvs
    iptables -A INPUT -m ipvs --ipvs
    iptables -A INPUT -m ipvs ! --ipvs
    iptables -A INPUT -m ipvs ! --ipvs --vport 5
    iptables -A INPUT -m ipvs --vdir x
    iptables -A INPUT -m ipvs --vmethod x
    iptables -A INPUT -m ipvs --vproto x
    iptables -A INPUT -m ipvs --vport 99999
    iptables -A INPUT -m ipvs --vport nope
    iptables -A INPUT -m ipvs ! --vdir REPLY
    iptables -A INPUT -m ipvs --vport 5 --vport 6
    ip6tables -A INPUT -m policy --dir in --mode tunnel --tunnel-src 2001:db8::1
    ip6tables -A INPUT -m policy --dir in --mode tunnel --tunnel-src 2001:db8::1/64
    ip6tables -A INPUT -m policy --dir in --mode tunnel --tunnel-src 2001:db8::1/ffff::ff
    ip6tables -A INPUT -m policy --dir in --mode tunnel --tunnel-src ::/0
    iptables -A INPUT -m policy --dir in --mode tunnel --tunnel-src 1.2.3.4/24
    iptables -A INPUT -m policy --dir in --mode tunnel --tunnel-src 1.2.3.4/255.0.255.0
    iptables -A INPUT -m policy --dir in --mode tunnel --tunnel-src 0.0.0.0/0
    iptables -A INPUT -m policy --dir in --proto all
    iptables -A INPUT -m policy --dir in --proto 0x32
    iptables -A INPUT -m policy --dir in --proto 300
    iptables -A INPUT -m policy --dir in --proto ipsec-x
    iptables -S
    iptables -L -n
    iptables -L
    ip6tables -S
    ip6tables -L -n
    iptables -t mangle -A POSTROUTING -m policy --dir in --pol none
    iptables -t mangle -A POSTROUTING -m policy --dir out --pol none
    iptables -t nat -A POSTROUTING -m policy --dir out --pol ipsec -j ACCEPT
  `,
  'refusals of extensions': `
    iptables -A INPUT -m ttl --ttl-gt 4 --ttl-eq 4
    iptables -A INPUT -m ttl --ttl-eq 4 --ttl-gt 4
    iptables -A INPUT -m ttl --ttl-lt 4 --ttl-gt 4
    iptables -A INPUT -m ttl --ttl-lt 4 --ttl-eq 4
    ip6tables -A INPUT -m hl --hl-gt 4 --hl-eq 4
    ip6tables -A INPUT -m hl --hl-eq 4 --hl-gt 4
    ip6tables -A INPUT -m hl --hl-lt 4 --hl-gt 4
    ip6tables -A INPUT -m hl --hl-lt 4 --hl-eq 4
    ip6tables -A INPUT -m hl
    iptables -A INPUT -m addrtype --limit-iface-in --limit-iface-out --src-type LOCAL
    iptables -A INPUT -m addrtype --limit-iface-in --src-type LOCAL --limit-iface-out
    iptables -A INPUT -m addrtype --limit-iface-in
    iptables -A INPUT -m hashlimit
    iptables -A INPUT -m hashlimit --hashlimit-name x
    iptables -A INPUT -m hashlimit --hashlimit-mode srcip --hashlimit 3/s
    iptables -A INPUT -m hashlimit --hashlimit-name x --hashlimit-burst 99999 --hashlimit 3/s
    iptables -A INPUT -m hashlimit --hashlimit-name x --hashlimit-burst 1kb --hashlimit 3kb/s
    iptables -A INPUT -m owner
    iptables -A INPUT -m owner --suppl-groups --uid-owner 4
    iptables -A INPUT -m owner --suppl-groups --gid-owner 4
    iptables -A INPUT -m statistic
    iptables -A INPUT -m statistic --probability 0.4
    iptables -A INPUT -m statistic --every 4
    iptables -A INPUT -m statistic --every 4 --packet 4
    iptables -A INPUT -m statistic --every 4 --packet 4 --mode nth
    iptables -A INPUT -m statistic --every 4 --mode nth
    iptables -A INPUT -m statistic --packet 4 --mode nth
    iptables -A INPUT -m statistic --mode nth
    iptables -A INPUT -m statistic --mode random
    iptables -A INPUT -m statistic --mode random --every 4
    iptables -A INPUT -m statistic --mode random --every 4 --probability 0.3
    iptables -A INPUT -m statistic --mode nth --every 4 --probability 0.3
    iptables -A INPUT -m statistic --mode random --probability x
    iptables -A INPUT -m statistic --mode foo --probability 0.3
    iptables -A INPUT -m statistic --mode nth --every 0
    iptables -A INPUT -m string
    iptables -A INPUT -m string --string a
    iptables -A INPUT -m string --string a --algo x
    iptables -A INPUT -m string --string a --hex-string b --algo bm
    iptables -A INPUT -m tcpmss
    iptables -A INPUT -m tcpmss --mss 5:4
    iptables -A INPUT -m tcpmss --mss 5:4:3
    iptables -A INPUT -m tcpmss --mss x
    iptables -A INPUT -p tcp -m tcpmss --mss 5:
    iptables -A INPUT -m connlabel --label foo
    iptables -A INPUT -m connlabel --label 4
    iptables -A INPUT -m connlabel --label 444
  `,
}

describe('the programs answer as iptables-legacy does', () => {
  it.for(Object.keys(sessions))('%s', (name, { skip }) => {
    if (kernelIsOutOfReach !== null) skip(kernelIsOutOfReach)
    expectAlike(linesOf(sessions[name]!))
  })
})
