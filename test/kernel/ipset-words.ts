/** Random command lines of ipset, right and wrong, for comparisons with the real one. */
import fc from 'fast-check'
import { type SetTypeName, setTypeNames } from '../../src/lang/ipset/kernel.ts'

const name = fc.constantFrom('a', 'a', 'b', 'b', 'c', 'd', 'e', 'none')

const pick = (...words: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...words)
const mostly = (usual: fc.Arbitrary<string>, rare: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof({ arbitrary: usual, weight: 9 }, { arbitrary: rare, weight: 1 })
const join = (glue: string, ...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((texts) => texts.filter((text) => text !== '').join(glue))

const near4 = fc.nat(11).map((last) => `10.0.0.${last}`)
const address4 = mostly(
  near4,
  pick('0.0.0.0', '255.255.255.255', '10.1', '10.0.1.255', 'nobody', '1.2.3.256', '', '192.168.0.1'),
)
const address6 = mostly(
  fc.nat(7).map((last) => `2001:db8::${last}`),
  pick('::', '::1', '2001:db8:1::', 'ffff::', '10.0.0.1', '2001:db8', '[2001:db8::1]', '::ffff:1.2.3.4'),
)
const length4 = mostly(pick('24', '28', '29', '30', '31', '32'), pick('0', '33', '', 'x', '-1', '031'))
const length6 = mostly(pick('64', '120', '124', '126', '127', '128'), pick('0', '1', '129', '', 'x'))

const net4 = fc.oneof(
  { arbitrary: address4, weight: 4 },
  { arbitrary: join('/', address4, length4), weight: 4 },
  // Wide ranges would keep the kernel busy for hours.
  { arbitrary: join('-', near4, mostly(near4, pick('10.0.1.255', '10.1', 'nobody', ''))), weight: 2 },
)
const net6 = fc.oneof(
  { arbitrary: address6, weight: 4 },
  { arbitrary: join('/', address6, length6), weight: 5 },
  { arbitrary: join('-', address6, address6), weight: 1 },
)

const portNumber = mostly(
  pick('80', '81', '82', '79', '0', '65535'),
  pick('65536', 'http', 'domain', 'blah', '-1', '0x50', ''),
)
const ports = fc.oneof(
  { arbitrary: portNumber, weight: 3 },
  {
    arbitrary: join('-', pick('80', '79', '82'), pick('80', '81', '84', 'http', '', 'blah', '70000')),
    weight: 1,
  },
)
const protoPort = fc.oneof(
  { arbitrary: ports, weight: 4 },
  { arbitrary: join(':', pick('tcp', 'udp', 'sctp', 'udplite', '6', '17', 'TCP'), ports), weight: 5 },
  {
    arbitrary: join(
      ':',
      pick('icmp', 'icmpv6', 'ipv6-icmp', '1', '58'),
      pick('ping', 'echo', '3/1', '8/0', '128/0', '300/1', '3', 'x', '1/2/3'),
    ),
    weight: 2,
  },
  {
    arbitrary: join(
      ':',
      pick('gre', 'esp', 'ospf', '0', '99', '255', 'none', 'ip', '256'),
      pick('0', '0', '1'),
    ),
    weight: 1,
  },
)
const iface = mostly(
  pick('eth0', 'eth1', 'eth', 'e', 'physdev:eth0', 'lo'),
  pick('', 'abcdefghijklmnop', 'physdev:', 'eth0:1'),
)
const ether = mostly(
  pick('02:00:00:00:00:01', '2:0:0:0:0:2', 'AA:bb:CC:dd:EE:ff'),
  pick('00:00:00:00:00:00', 'zz', '1:2:3:4:5', '1:2:3:4:5:6:7', '100:2:3:4:5:6'),
)

/** One of the two families for sets that have one: elements of the other are refused. */
const element: Readonly<Record<SetTypeName, fc.Arbitrary<string>>> = {
  'bitmap:ip': net4,
  'bitmap:ip,mac': fc.oneof(net4, join(',', net4, ether), join(',', address4, ether)),
  'bitmap:port': ports,
  'hash:ip': fc.oneof(net4, net4, net6),
  'hash:ip,port': fc.oneof(
    join(',', net4, protoPort),
    join(',', address4, protoPort),
    join(',', address6, protoPort),
  ),
  'hash:ip,port,ip': fc.oneof(
    join(',', net4, protoPort, address4),
    join(',', address4, protoPort, address4),
    join(',', address6, protoPort, address6),
  ),
  'hash:ip,port,net': fc.oneof(
    join(',', net4, protoPort, net4),
    join(',', address4, protoPort, net4),
    join(',', address6, protoPort, net6),
  ),
  'hash:net': fc.oneof(net4, net4, net6),
  'hash:net,port': fc.oneof(join(',', net4, protoPort), join(',', net6, protoPort)),
  'hash:net,iface': fc.oneof(join(',', net4, iface), join(',', net4, iface), join(',', net6, iface)),
  'list:set': fc.oneof(name, join(',', name, pick('before', 'after', 'beside'), name)),
}

const extension = mostly(
  fc.oneof(
    pick('timeout 1000', 'timeout 0', 'timeout 500'),
    pick('packets 5', 'bytes 77', 'packets 3 bytes 4'),
    pick('comment hallo', 'comment x', 'comment üö'),
    pick('skbmark 0x5/0xff', 'skbmark 0x10', 'skbprio 1:2', 'skbqueue 3'),
    pick('nomatch', 'nomatch', 'wildcard'),
    join(' ', pick('before', 'after'), name),
  ),
  pick(
    'timeout',
    'timeout x',
    'skbmark 5',
    'skbprio 7',
    'packets -1',
    'foo',
    'timeout 2147484',
    'skbqueue 70000',
  ),
)

const some = (option: fc.Arbitrary<string>, most: number): fc.Arbitrary<string> =>
  fc.array(option, { maxLength: most }).map((options) => options.join(' '))

const createOption = mostly(
  pick('timeout 3000', 'timeout 0', 'counters', 'comment', 'skbinfo'),
  pick(
    'family',
    'foo',
    'size 4',
    'counters counters',
    'netmask 33',
    'netmask 0',
    'maxelem x',
    'probes 3',
    '-4',
    '--timeout 9',
  ),
)
const hashOption = mostly(
  pick(
    'hashsize 64',
    'hashsize 64',
    'maxelem 5',
    'maxelem 20',
    'bucketsize 2',
    'bucketsize 4',
    'forceadd',
    'family inet',
    'family inet6',
    '-6',
  ),
  pick(
    'netmask 24',
    'netmask 30',
    'netmask 64',
    'bitmask 255.255.255.252',
    'bitmask ffff::ff',
    'hashsize 0',
    'bucketsize 100',
    'family any',
    'gc 3',
  ),
)
const range4 = mostly(
  pick('10.0.0.0/24', '10.0.0.0-10.0.0.20', '10.0.0.9-10.0.0.2', '10.0.0.0/28'),
  pick('10.0.0.1', '10.0.0.0/15', '0.0.0.0/0', '10.0.0.1/32', '10.0.0.0-10.1.0.0', '::1'),
)

const create = fc
  .tuple(
    fc.constantFrom(...setTypeNames),
    name,
    some(createOption, 3),
    some(hashOption, 3),
    range4,
    fc.nat(3),
  )
  .map(([type, set, options, hash, range, mask]) => {
    // A seed that is drawn would make another order.
    const own =
      type === 'bitmap:port'
        ? 'range 75-90'
        : type.startsWith('bitmap:')
          ? `range ${range}${mask === 0 && type === 'bitmap:ip' ? ' netmask 28' : ''}`
          : type === 'list:set'
            ? ''
            : `${hash} initval 0x1234`
    return `create ${set} ${type} ${own} ${options}`
  })

const change = fc
  .tuple(pick('add', 'add', 'add', 'del', 'test'), name, fc.constantFrom(...setTypeNames))
  .chain(([verb, set, type]) =>
    fc
      .tuple(element[type], verb === 'add' ? some(extension, 2) : pick('', '', '', 'nomatch', 'timeout 3'))
      .map(([text, options]) => `${verb} ${set} ${text} ${options}`),
  )

/** Words of a line; options that are good anywhere are mixed in. */
export const ipsetCommand: fc.Arbitrary<string[]> = fc
  .tuple(
    fc.oneof(
      { arbitrary: create, weight: 6 },
      { arbitrary: change, weight: 60 },
      { arbitrary: join(' ', pick('list', 'save', 'flush', 'destroy', 'l', 'x'), name), weight: 8 },
      { arbitrary: join(' ', pick('swap', 'rename', 'e', 'w'), name, name), weight: 5 },
      {
        arbitrary: join(
          ' ',
          pick(
            'list',
            'save',
            'list -t',
            'list -n',
            'list -o xml',
            'list -s',
            'save -s',
            'list -o save -t',
            'list -n -o xml',
          ),
        ),
        weight: 5,
      },
      {
        arbitrary: pick(
          'destroy',
          'flush',
          'version',
          '',
          'foo',
          'add',
          'create a',
          'list a b',
          '-o foo list',
          'rename a',
        ),
        weight: 1,
      },
    ),
    pick('', '', '', '', '', '-exist', '-!', '-q', '--exist'),
  )
  .map(([line, option]) => `${line} ${option}`.split(' ').filter((word) => word !== ''))

/** Commands for a set of a known kind, so that most are taken. */
export const ipsetStory: fc.Arbitrary<string[][]> = fc
  .tuple(fc.constantFrom(...setTypeNames), some(createOption, 3), some(hashOption, 2), fc.boolean())
  .chain(([type, options, hash, isIpv6]) => {
    const range =
      type === 'bitmap:port' ? 'range 75-90' : type.startsWith('bitmap:') ? 'range 10.0.0.0/27' : ''
    const own = type.startsWith('hash:') ? `${hash} ${isIpv6 ? 'family inet6' : ''} initval 0xabcd` : range
    const verb = pick('add a', 'add a', 'add a', 'add -! a', 'del a', 'test a', 'del -! a')
    const step = fc.oneof(
      {
        arbitrary: fc
          .tuple(verb, element[type], some(extension, 1))
          .map(([first, text, last]) => `${first} ${text} ${first.startsWith('add') ? last : ''}`),
        weight: 12,
      },
      { arbitrary: pick('list', 'list -s', 'save', 'list -o xml'), weight: 1 },
    )
    return fc
      .array(step, { minLength: 25, maxLength: 25, size: 'max' })
      .map((steps) =>
        [
          'create b hash:ip initval 1',
          'create c hash:net initval 1',
          `create a ${type} ${own} ${options}`,
          ...steps,
          'list',
        ].map((line) => line.split(' ').filter((word) => word !== '')),
      )
  })
