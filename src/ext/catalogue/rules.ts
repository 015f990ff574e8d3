/** What is said of rules that can be read: tables, chains, lists, and what packets make of them. */
import type { CatalogueEntry } from './entry.ts'

const established = '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'

export const aboutRules: readonly CatalogueEntry[] = [
  {
    code: 'rule/unreachable',
    severity: 'warning',
    means:
      'A rule in front of it decides about every packet: -A behind a final DROP or REJECT comes too late.',
    wrong: '-A INPUT -i lo -j ACCEPT\n-A INPUT -j DROP\n«-A INPUT -p tcp --dport 22 -j DROP»',
    mended: `-A INPUT -i lo -j ACCEPT\n${established}\n-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -j DROP`,
  },
  {
    code: 'rule/repeated',
    severity: 'warning',
    means: 'The same rule stands above and has decided about all packets that this one could match.',
    wrong: '-A INPUT -p tcp -j DROP\n«-A INPUT -p tcp -j DROP»',
    mended: '-A INPUT -p tcp -j DROP',
  },
  {
    code: 'rule/translated-before',
    severity: 'warning',
    means:
      'PREROUTING of nat comes first: the rule asks for a port or address that packets do not have any more.',
    wrong:
      '*nat\n-A PREROUTING -p tcp --dport 7070 -j DNAT --to-destination 192.168.1.43:80\nCOMMIT\n' +
      '*filter\n«-A FORWARD -d 192.168.1.43/32 -p tcp --dport 7070 -j ACCEPT»\nCOMMIT\n',
    mended:
      '*nat\n-A PREROUTING -p tcp --dport 7070 -j DNAT --to-destination 192.168.1.43:80\nCOMMIT\n' +
      '*filter\n-A FORWARD -d 192.168.1.43/32 -p tcp --dport 80 -j ACCEPT\nCOMMIT\n',
  },
  {
    code: 'rule/number-too-big',
    severity: 'error',
    means: 'The chain has no rule with that number.',
    wrong: '-A INPUT -p udp -j DROP\n«-I INPUT 5 -p tcp -j ACCEPT»',
    mended: '-A INPUT -p udp -j DROP\n-I INPUT 1 -p tcp -j ACCEPT',
  },
  {
    code: 'rule/missing',
    severity: 'error',
    means: 'The rule that is to be deleted is not there: nothing may differ but its counters.',
    wrong: '-A INPUT -p tcp -j DROP\n«-D INPUT -p tcp -j ACCEPT»',
    mended: '-A INPUT -p tcp -j DROP\n-D INPUT -p tcp -j DROP',
  },
  {
    code: 'chain/unused',
    severity: 'note',
    means: 'No rule jumps to the chain, so no packet sees it.',
    wrong: ':«web» - [0:0]\n-A web -p tcp --dport 80 -j DROP',
    mended: ':web - [0:0]\n-A INPUT -j web\n-A web -p tcp --dport 80 -j DROP',
  },
  {
    code: 'chain/empty',
    severity: 'note',
    means: 'The rule jumps to a chain without rules, which sends every packet back.',
    wrong: ':web - [0:0]\n«-A INPUT -j web»',
    mended: ':web - [0:0]\n-A INPUT -j web\n-A web -p tcp --dport 80 -j DROP',
  },
  {
    code: 'chain/keeps-nothing-out',
    severity: 'warning',
    means: 'Every rule of INPUT accepts, and so does its policy: nothing is kept out.',
    wrong: '«-A INPUT -p tcp --dport 22 -j ACCEPT»',
    mended: `:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\n${established}\n-A INPUT -p tcp --dport 22 -j ACCEPT`,
  },
  {
    code: 'chain/no-loopback',
    severity: 'note',
    means: 'Programs of one machine reach each other by lo, and INPUT hears that as well.',
    wrong: `:INPUT DROP [0:0]\n${established}\n«-A INPUT -p tcp --dport 22 -j ACCEPT»`,
    mended: `:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\n${established}\n-A INPUT -p tcp --dport 22 -j ACCEPT`,
  },
  {
    code: 'chain/loop',
    severity: 'error',
    means: 'The kernel refuses chains that lead back to themselves.',
    wrong: ':a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a -j b\n-A b -j «a»',
    mended: ':a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a -j b\n-A b -j DROP',
  },
  {
    code: 'chain/missing',
    severity: 'error',
    means: 'The table has no such chain.',
    wrong: '-A «INPTU» -j DROP',
    mended: '-A INPUT -p udp -j DROP',
  },
  {
    code: 'chain/exists',
    severity: 'error',
    means: 'The chain is there already.',
    wrong: ':web - [0:0]\n-A INPUT -j web\n-A web -j DROP\n«-N web»',
    mended: ':web - [0:0]\n-A INPUT -j web\n-A web -j DROP',
  },
  {
    code: 'chain/base',
    severity: 'error',
    means: 'The chains of the kernel can be neither deleted nor renamed.',
    wrong: '«-X INPUT»',
    mended: '-F INPUT',
  },
  {
    code: 'chain/in-use',
    severity: 'error',
    means: 'A chain can go when no rule jumps to it any more.',
    wrong: ':web - [0:0]\n-A INPUT -j web\n-A web -j DROP\n«-X web»',
    mended: ':web - [0:0]\n-A INPUT -j web\n-A web -j DROP',
  },
  {
    code: 'chain/not-empty',
    severity: 'error',
    means: 'A chain can go when it has no rules any more.',
    wrong: ':web - [0:0]\n-A web -j DROP\n«-X web»',
    mended: ':web - [0:0]\n-A web -j DROP\n-F web\n-X web',
  },
  {
    code: 'chain/too-long',
    severity: 'error',
    means: 'Names of chains have up to 28 bytes.',
    wrong: '-N «everything-that-comes-from-home»',
    mended: '-A INPUT -p udp -j DROP',
  },
  {
    code: 'chain/bad-name',
    severity: 'error',
    means: 'The name belongs to a target, or cannot be told from an option.',
    wrong: '-N «LOG»',
    mended: '-A INPUT -j LOG',
  },
  {
    code: 'chain/no-policy',
    severity: 'error',
    means: 'Only the chains of the kernel have a policy.',
    wrong: ':web «DROP» [0:0]',
    mended: ':web - [0:0]\n-A INPUT -j web\n-A web -j DROP',
  },
  {
    code: 'chain/bad-policy',
    severity: 'error',
    means: 'A policy is ACCEPT or DROP.',
    wrong: ':INPUT «REJECT» [0:0]',
    mended: '-A INPUT -i lo -j ACCEPT\n-A INPUT -j REJECT',
  },
  {
    code: 'table/unknown',
    severity: 'error',
    means: 'The tables are raw, mangle, nat, filter and security.',
    wrong: '*«filtre»\n-A INPUT -p udp -j DROP\nCOMMIT\n',
    mended: '*filter\n-A INPUT -p udp -j DROP\nCOMMIT\n',
  },
  {
    code: 'table/nat-drop',
    severity: 'error',
    means: 'The nat table sees the first packet of a connection only; iptables refuses to filter there.',
    wrong: '*nat\n-A PREROUTING -p tcp --dport 22 -j «DROP»\nCOMMIT\n',
    mended: '-A INPUT -p tcp --dport 22 -j DROP',
  },
  {
    code: 'table/nat-policy',
    severity: 'warning',
    means:
      'iptables-restore takes the policy, and connections that no rule of nat accepts lose their first packets.',
    wrong: '*nat\n:PREROUTING «DROP» [0:0]\nCOMMIT\n',
    mended: '*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n',
  },
  {
    code: 'policy/no-way-out',
    severity: 'warning',
    means: 'What INPUT accepts is never answered: OUTPUT drops everything.',
    wrong: `:OUTPUT «DROP» [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -p tcp -j DROP`,
    mended: '-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -p tcp -j DROP',
  },
  {
    code: 'policy/no-answers',
    severity: 'warning',
    means:
      'This host can ask, and INPUT drops the answers: no name is found, no update loads. Found by sending a SYN and ' +
      'its answer through the rules.',
    wrong: ':INPUT «DROP» [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp --dport 22 -j ACCEPT',
    mended: `:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\n${established}\n-A INPUT -p tcp --dport 22 -j ACCEPT`,
  },
  {
    code: 'policy/no-answers-forwarded',
    severity: 'warning',
    means:
      'FORWARD lets connections begin and drops the answers to them. Found by sending the first packet of what the rules ' +
      'accept, and its answer, through the rules.',
    wrong: ':FORWARD «DROP» [0:0]\n-A FORWARD -i eth1 -o eth0 -j ACCEPT',
    mended:
      ':FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -i eth1 -o eth0 -j ACCEPT',
  },
  {
    code: 'policy/no-neighbours',
    severity: 'warning',
    means:
      'IPv6 finds neighbours with ICMPv6, which passes INPUT. Without it nobody on the link reaches this host.',
    wrong: `:INPUT «DROP» [0:0]\n-A INPUT -i lo -j ACCEPT\n${established}`,
    mended: `:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p ipv6-icmp -j ACCEPT\n${established}`,
    family: 'ipv6',
  },
  {
    code: 'recent/no-mode',
    severity: 'error',
    means: 'recent wants one of --set, --rcheck, --update and --remove.',
    wrong: '-A INPUT «-m recent --name ssh» -j DROP',
    mended: '-A INPUT -s 10.0.0.0/8 -m recent --name ssh --set -j DROP',
  },
  {
    code: 'recent/hitcount-too-large',
    severity: 'error',
    means: 'An entry holds up to 65535 stamps (255 in older kernels); the kernel refuses to count further.',
    wrong:
      '-A INPUT -s 10.0.0.0/8 -m recent --name a --set\n' +
      '-A INPUT «-m recent --name a --update --hitcount 70000» -j DROP',
    mended:
      '-A INPUT -s 10.0.0.0/8 -m recent --name a --set\n' +
      '-A INPUT -m recent --name a --update --hitcount 7 -j DROP',
  },
  {
    code: 'recent/condition-without-check',
    severity: 'error',
    means: '--seconds and --hitcount ask; --set and --remove do not.',
    wrong: '-A INPUT -s 10.0.0.0/8 «-m recent --name a --set --seconds 60» -j DROP',
    mended: '-A INPUT -s 10.0.0.0/8 -m recent --name a --set -j DROP',
  },
  {
    code: 'recent/bad-name',
    severity: 'error',
    means: 'Each list is a file in /proc/net/xt_recent, and the name must be one of a file.',
    wrong: '-A INPUT -s 10.0.0.0/8 «-m recent --name a/b --set» -j DROP',
    mended: '-A INPUT -s 10.0.0.0/8 -m recent --name a-b --set -j DROP',
  },
  {
    code: 'recent/list-misspelt',
    severity: 'warning',
    means: 'Nothing fills the list, but one whose name differs by a letter.',
    wrong:
      '-A INPUT -s 10.0.0.0/8 -m recent --name knock --set\n«-A INPUT -m recent --name knok --rcheck -j DROP»',
    mended:
      '-A INPUT -s 10.0.0.0/8 -m recent --name knock --set\n-A INPUT -m recent --name knock --rcheck -j DROP',
  },
  {
    code: 'recent/never-set',
    severity: 'warning',
    means:
      '--update and --rcheck stamp or count only addresses that are in the list, and no rule ever puts one there.',
    wrong: '«-A INPUT -m recent --name a --update --seconds 60 --hitcount 4 -j DROP»',
    mended:
      '-A INPUT -s 10.0.0.0/8 -m recent --name a --set\n' +
      '-A INPUT -m recent --name a --update --seconds 60 --hitcount 4 -j DROP',
  },
  {
    code: 'recent/set-elsewhere',
    severity: 'note',
    means: 'No rule fills the list; somebody has to write to its file in /proc.',
    wrong: '«-A INPUT -m recent --name authok --rcheck -j DROP»',
    mended:
      '-A INPUT -s 10.0.0.0/8 -m recent --name authok --set\n-A INPUT -m recent --name authok --rcheck -j DROP',
  },
  {
    code: 'recent/no-name',
    severity: 'note',
    means:
      'Without --name the list is called DEFAULT, and every rule on the machine that names none shares it.',
    wrong: '«-A INPUT -p udp -m recent --set -j DROP»',
    mended: '-A INPUT -p udp -m recent --set --name talkers -j DROP',
  },
  {
    code: 'recent/shared-default',
    severity: 'warning',
    means:
      'Rules without --name share the list DEFAULT, whatever they are for: who knocks here is known there.',
    wrong:
      '«-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -m recent --set»\n' +
      '-A INPUT -p tcp --dport 80 -m recent --rcheck -j DROP',
    mended:
      '-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -m recent --name ssh --set\n' +
      '-A INPUT -p tcp --dport 22 -m recent --name ssh --rcheck -j DROP',
  },
  {
    code: 'recent/asked-too-late',
    severity: 'warning',
    means: 'An earlier rule stamps the address and decides about the packet, so the question is never asked.',
    wrong:
      '-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -m recent --name a --set -j ACCEPT\n' +
      '«-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -m recent --name a --update --hitcount 4 -j DROP»',
    mended:
      '-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -m recent --name a --update --hitcount 4 -j DROP\n' +
      '-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -m recent --name a --set -j ACCEPT',
  },
  {
    code: 'recent/list-cap',
    severity: 'note',
    means:
      'A list holds 100 addresses (ip_list_tot). Where anybody enters it, packets from 100 other addresses, forged ' +
      'too, push out everybody else: knocks and bans are forgotten.',
    wrong:
      '«-A INPUT -p tcp --dport 22 -m recent --name a --set»\n-A INPUT -m recent --name a --rcheck --hitcount 4 -j DROP',
    mended:
      '-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -m recent --name a --set\n' +
      '-A INPUT -m recent --name a --rcheck --hitcount 4 -j DROP',
  },
  {
    code: 'recent/rttl',
    severity: 'note',
    means:
      'With --rttl only packets with the TTL of the last one count; behind load balancers it differs for one sender.',
    wrong:
      '-A INPUT -s 10.0.0.0/8 -m recent --name a --set\n-A INPUT «-m recent --name a --rcheck --rttl» -j DROP',
    mended: '-A INPUT -s 10.0.0.0/8 -m recent --name a --set\n-A INPUT -m recent --name a --rcheck -j DROP',
  },
  {
    code: 'recent/opened-by-scan',
    severity: 'warning',
    means:
      'A scan that tries all ports in turn knocks at the right ones in the right order, and the port opens. Found by ' +
      'sending such scans through the rules, upwards and downwards.',
    wrong: [
      ':INPUT DROP [0:0]',
      '-A INPUT -i lo -j ACCEPT',
      established,
      '-A INPUT -s 198.51.100.0/24 -p tcp --dport 7000 -m recent --name a --set -j DROP',
      '-A INPUT -s 198.51.100.0/24 -p tcp --dport 8000 -m recent --name a --rcheck -m recent --name b --set -j DROP',
      '«-A INPUT -p tcp --dport 22 -m recent --name b --rcheck -j ACCEPT»',
    ].join('\n'),
    mended: [
      ':INPUT DROP [0:0]',
      '-A INPUT -i lo -j ACCEPT',
      established,
      '-A INPUT -p tcp --dport 22 -m recent --name b --rcheck -j ACCEPT',
      '-A INPUT -s 198.51.100.0/24 -p tcp --dport 7000 -m recent --name a --set -j DROP',
      '-A INPUT -s 198.51.100.0/24 -p tcp --dport 8000 -m recent --name a --rcheck -m recent --name b --set -j DROP',
      '-A INPUT -m recent --name a --remove',
      '-A INPUT -m recent --name b --remove',
    ].join('\n'),
  },
  {
    code: 'state/old-form',
    severity: 'note',
    means: '-m state is kept for old rules; -m conntrack --ctstate asks the same.',
    wrong: '-A INPUT «-m state --state INVALID» -j DROP',
    mended: '-A INPUT -m conntrack --ctstate INVALID -j DROP',
  },
  {
    code: 'LOG/prefix-without-blank',
    severity: 'note',
    means: 'The prefix and IN= become one word of the log line.',
    wrong: '-A INPUT -p tcp -j «LOG --log-prefix dropped»',
    mended: '-A INPUT -p tcp -j LOG --log-prefix "dropped: "',
  },
  {
    code: 'MASQUERADE/everywhere',
    severity: 'note',
    means:
      'Without -o connections into the own networks are masqueraded, too, and servers there see this host only.',
    wrong: '*nat\n-A POSTROUTING -j «MASQUERADE»\nCOMMIT\n',
    mended: '*nat\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n',
  },
]
