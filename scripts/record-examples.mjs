// Records the captures of examples/ anew: `node scripts/record-examples.mjs [CAPTURE...]`.
//
// Needs root, iproute2, iptables, tcpdump, ping, nc, curl and python3. Everything happens in network namespaces that
// this process makes and removes; the machine's own network is not touched. Takes about two minutes.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureBuilt, root } from './ensure.mjs'
import { hostAnnouncement, nameQuery } from './recording/netbios.mjs'
import { Network } from './recording/network.mjs'

const install = 'apt-get install iproute2 iptables tcpdump iputils-ping netcat-openbsd curl python3'

ensureBuilt()
const { record } = await import('./recording/recorder.mjs')
if (process.getuid() !== 0) {
  console.error('error: recording needs root\n  try: sudo node scripts/record-examples.mjs')
  process.exit(3)
}
const programs = ['ip', 'iptables-legacy-restore', 'tcpdump', 'ping', 'nc', 'curl', 'python3']
const missing = programs.filter((program) => spawnSync('which', [program]).status !== 0)
if (missing.length > 0) {
  console.error(`error: not installed: ${missing.join(', ')}\n  try: ${install}`)
  process.exit(3)
}

const network = new Network()
const host = '203.0.113.1'
const services = join(root, 'scripts', 'recording', 'services.mjs')

const ping = (from, to = host) => network.run('clients', ['ping', '-n', '-c', '1', '-W', '1', '-I', from, to])
/** Connects and closes at once; gives up after a second, about when a SYN is repeated. */
const connect = (machine, from, to, port) =>
  network.run(machine, ['nc', '-n', '-z', '-w', '1', '-s', from, to, String(port)])
const touch = (from, port) => connect('clients', from, host, port)
/** Sends a line, and closes a second later. */
const talk = (machine, from, to, port) =>
  network.run(machine, ['nc', '-n', '-q', '0', '-s', from, to, String(port)], {
    input: 'hello\n',
    holdMs: 1000,
  })
const serve = (machine, ...kinds) => network.start(machine, ['node', services, 'serve', ...kinds], 'ready')
const call = (kind, from, port) =>
  network.run('clients', ['node', services, 'call', kind, from, host, String(port)])
const curl = (from, url) =>
  network.run('clients', ['curl', '-sS', '--max-time', '3', '--interface', from, url])
const broadcast = (machine, from, port, text) =>
  network.run(
    machine,
    ['nc', '-n', '-u', '-b', '-w', '0', '-s', from, '-p', String(port), '203.0.113.255', String(port)],
    {
      input: text,
    },
  )
async function knock(from, { between = async () => {} } = {}) {
  await ping(from)
  await sleep(200)
  await touch(from, 7)
  await between()
  await sleep(200)
  await touch(from, 8000)
  await sleep(200)
}

const captures = {
  'port-knock/right': async (act) => {
    await serve('host', 'echo:7', 'web:8000', 'database:3306')
    await act('198.51.100.7 tries port 3306 without knocking')
    await touch('198.51.100.7', 3306)
    await act('198.51.100.7 knocks: ping, echo, 8000')
    await knock('198.51.100.7')
    await act('and now port 3306 answers')
    await talk('clients', '198.51.100.7', host, 3306)
  },
  'port-knock/wrong-order': async (act) => {
    await serve('host', 'echo:7', 'web:8000', 'database:3306')
    await act('198.51.100.8 knocks backwards: 8000, echo, ping')
    await touch('198.51.100.8', 8000)
    await touch('198.51.100.8', 7)
    await ping('198.51.100.8')
    await act('port 3306 stays shut')
    await touch('198.51.100.8', 3306)
  },
  'port-knock/interrupted': async (act) => {
    await serve('host', 'echo:7', 'web:8000', 'database:3306')
    await act('198.51.100.9 sends something to udp port 4242 between echo and 8000')
    await knock('198.51.100.9', {
      between: () =>
        network.run('clients', ['nc', '-n', '-u', '-w', '0', '-s', '198.51.100.9', host, '53'], {
          input: 'what?\n',
        }),
    })
    await act('port 3306 stays shut')
    await touch('198.51.100.9', 3306)
    await act('198.51.100.9 begins again with the echo, without a ping')
    await touch('198.51.100.9', 7)
    await touch('198.51.100.9', 8000)
    await act('and now port 3306 answers')
    await talk('clients', '198.51.100.9', host, 3306)
  },
  'port-knock/too-slow': async (act) => {
    await serve('host', 'echo:7', 'web:8000', 'database:3306')
    await act('198.51.100.10 sends ping and echo, and waits eleven seconds')
    await knock('198.51.100.10', { between: () => sleep(11_000) })
    await act('port 3306 stays shut')
    await touch('198.51.100.10', 3306)
  },
  'port-knock/scan': async (act) => {
    await serve('host', 'echo:7', 'web:8000', 'database:3306')
    await act('198.51.100.66 pings, then scans ports in ascending order')
    await ping('198.51.100.66')
    for (const port of [5, 6, 7, 8, 9, 22, 80, 3306, 8000, 8001]) await touch('198.51.100.66', port)
    await act('port 3306 stays shut')
    await touch('198.51.100.66', 3306)
  },
  'port-knock/knocks': async (act) => {
    await serve('host', 'echo:7', 'web:8000', 'database:3306')
    await act('198.51.100.8 knocks in the wrong order: 8000, ping, echo')
    await touch('198.51.100.8', 8000)
    await ping('198.51.100.8')
    await touch('198.51.100.8', 7)
    await act('198.51.100.8 finds port 3306 shut')
    await touch('198.51.100.8', 3306)
    await act('198.51.100.7 knocks right: ping, echo, 8000')
    await knock('198.51.100.7')
    await act('198.51.100.7 finds port 3306 open')
    await talk('clients', '198.51.100.7', host, 3306)
    await act('198.51.100.9 looks at port 22 between echo and 8000')
    await knock('198.51.100.9', { between: () => touch('198.51.100.9', 22) })
    await act('198.51.100.9 finds port 3306 shut')
    await touch('198.51.100.9', 3306)
    await act('198.51.100.66 scans ports in ascending order')
    await ping('198.51.100.66')
    for (const port of [7, 9, 22, 3306, 8000]) await touch('198.51.100.66', port)
    await act('198.51.100.66 finds port 3306 shut')
    await touch('198.51.100.66', 3306)
    await act('198.51.100.7 comes back, and port 3306 is still open')
    await talk('clients', '198.51.100.7', host, 3306)
  },
  'reverse-pinhole/callback': async (act) => {
    await serve('host', 'database:3306')
    await serve('servers', 'database:3306')
    await act('the slave 192.0.2.9 calls before the master has called it')
    await connect('servers', '192.0.2.9', host, 3306)
    await act('the master 203.0.113.1 calls its slave')
    await talk('host', host, '192.0.2.9', 3306)
    await act('the slave calls back')
    await talk('servers', '192.0.2.9', host, 3306)
    await act('the slave tries port 22; a stranger, 192.0.2.10, tries port 3306')
    await connect('servers', '192.0.2.9', host, 22)
    await connect('servers', '192.0.2.10', host, 3306)
  },
  'log-clog/broadcasts': async (act) => {
    await act('two Windows machines begin to talk')
    for (let round = 0; round < 6; round++) {
      await broadcast('windows1', '203.0.113.40', 138, hostAnnouncement('ADA', '203.0.113.40', round))
      await sleep(150)
      if (round % 2 === 0) {
        await broadcast('windows2', '203.0.113.41', 138, hostAnnouncement('GRACE', '203.0.113.41', round))
      }
      await sleep(150)
    }
    await act('one of them asks for a name, too')
    await broadcast('windows1', '203.0.113.40', 137, nameQuery('GRACE', 7))
  },
  'identd-after-irc/irc': async (act) => {
    await serve('host', 'ident:113')
    await serve('servers', 'irc:6667')
    await act('192.0.2.6 asks before anybody has called it')
    await connect('servers', '192.0.2.6', host, 113)
    await act('203.0.113.1 calls the IRC server 192.0.2.6, which asks its identd')
    await talk('host', host, '192.0.2.6', 6667)
    await act('another server, 192.0.2.7, asks as well')
    await connect('servers', '192.0.2.7', host, 113)
    await sleep(16_000)
    await act('more than 15 seconds later 192.0.2.6 asks again')
    await connect('servers', '192.0.2.6', host, 113)
  },
  'http-recent/get': async (act) => {
    await serve('host', 'web:80')
    await act('198.51.100.7 gets a page with curl, which closes first')
    await curl('198.51.100.7', `http://${host}/`)
  },
  'http-recent/get-and-close': async (act) => {
    await serve('host', 'web:80')
    await act('198.51.100.7 gets a page with nc; the server closes first, as it was asked to')
    await network.run('clients', ['nc', '-n', '-w', '2', '-s', '198.51.100.7', host, '80'], {
      input: 'GET / HTTP/1.1\r\nHost: www.example\r\nConnection: close\r\n\r\n',
    })
  },
  'http-recent/reset': async (act) => {
    await serve('host', 'web:80')
    await act('198.51.100.7 asks for a page and resets the connection when it comes')
    await call('reset', '198.51.100.7', 80)
  },
  'http-recent/half-close': async (act) => {
    await serve('host', 'late:80')
    await act('198.51.100.7 closes its side, and the server sends its answer in four parts')
    await call('half', '198.51.100.7', 80)
  },
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in captures))
if (unknown.length > 0) {
  console.error(
    `error: no capture is called ${unknown.join(', ')}\n  try: ${Object.keys(captures).join(' ')}`,
  )
  process.exit(2)
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    network.destroy()
    process.exit(130)
  })
}

for (const [name, acts] of Object.entries(captures)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  try {
    network.build()
    const folder = join(root, 'examples', name.split('/')[0])
    const count = await record(network, {
      rules: join(folder, 'rules.v4'),
      capture: join(root, 'examples', name),
      acts,
    })
    console.log(`${name}.pcapng: ${count} packets`)
  } finally {
    network.destroy()
  }
}
