// Records the captures of examples/ anew: `node scripts/record-examples.mjs [CAPTURE...]`.
//
// Needs root, iproute2, iptables, tcpdump, ping, nc, curl, python3, nginx, vsftpd and OpenSSH. Everything happens in network namespaces that
// this process makes and removes; the machine's own network is not touched. Takes about two minutes.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureBuilt, root } from './ensure.mjs'
import { hostAnnouncement, nameQuery } from './recording/netbios.mjs'
import { gateway, Network, street } from './recording/network.mjs'
import { sshLogin, startNginx, startSshd, startVsftpd } from './recording/programs.mjs'

const install =
  'apt-get install iproute2 iptables tcpdump iputils-ping netcat-openbsd curl python3 nginx-light vsftpd openssh-server'

ensureBuilt()
const { record } = await import('./recording/recorder.mjs')
if (process.getuid() !== 0) {
  console.error('error: recording needs root\n  try: sudo node scripts/record-examples.mjs')
  process.exit(3)
}
const programs = [
  'ip',
  'iptables-legacy-restore',
  'tcpdump',
  'ping',
  'nc',
  'curl',
  'python3',
  'nginx',
  'vsftpd',
  'sshd',
]
const missing = programs.filter((program) => spawnSync('which', [program]).status !== 0)
if (missing.length > 0) {
  console.error(`error: not installed: ${missing.join(', ')}\n  try: ${install}`)
  process.exit(3)
}

let network = new Network(street)
/** For the configurations of servers. */
const folder = mkdtempSync(join(tmpdir(), 'postern-record-'))
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
  'mysql-allow/mysql': async (act) => {
    await serve('host', 'database:3306')
    await act('10.32.1.7, of the network that may, talks to the database')
    await talk('office', '10.32.1.7', host, 3306)
    await act('198.51.100.7 may not')
    await touch('198.51.100.7', 3306)
    await act('10.32.1.7 has no other port')
    await connect('office', '10.32.1.7', host, 3307)
  },
  'input-auto/blocked': async (act) => {
    await serve('host', 'database:22')
    await act('198.51.100.66 is blocked')
    await touch('198.51.100.66', 22)
    await act('198.51.100.7 is not')
    await talk('clients', '198.51.100.7', host, 22)
    await touch('198.51.100.7', 80)
  },
  'country-block/countries': async (act) => {
    await serve('host', 'web:80')
    await serve('servers', 'web:80')
    await act('198.51.100.7 is of no country in the lists')
    await curl('198.51.100.7', `http://${host}/`)
    await act('198.51.100.66 and 192.0.2.9 are')
    await touch('198.51.100.66', 80)
    await connect('servers', '192.0.2.9', host, 80)
    await act('203.0.113.1 asks 192.0.2.9, and does not hear the answer')
    await connect('host', host, '192.0.2.9', 80)
  },
}

const page = 'It works.\n'.repeat(800)
const get = (machine, ...args) => network.run(machine, ['curl', '-sS', '--max-time', '5', ...args])

/** Captures at both sides of the gateway. */
const gatewayCaptures = {
  'gateway/web': async (act) => {
    await startNginx(network, 'web', folder, { page })
    await act('curl outside asks nginx inside, by port 7070 of the gateway')
    await get('outside', '--interface', '198.51.100.7', `http://${host}:7070/page`)
    await act('port 80 of the gateway itself')
    await get('outside', '--interface', '198.51.100.7', `http://${host}/page`)
  },
  'gateway/out': async (act) => {
    await startNginx(network, 'outside', folder, { page })
    await startSshd(network, 'outside', folder)
    await act('192.168.1.9 inside asks nginx outside')
    await get('desk', 'http://198.51.100.7/page')
    await act('it pings')
    await network.run('desk', ['ping', '-n', '-c', '2', '-i', '0.2', '198.51.100.7'])
    await act('it asks a port where nobody listens: the error finds it')
    await network.run('desk', ['nc', '-n', '-u', '-w', '1', '198.51.100.7', '53'], { input: 'what?\n' })
    await act('it logs in with ssh')
    await sshLogin(network, 'desk', folder, '198.51.100.7', 'echo hello')
  },
  'gateway/ftp': async (act) => {
    await startVsftpd(network, 'web', folder, { page })
    await startVsftpd(network, 'outside', folder, { page })
    await act('192.168.1.9 inside gets a file from vsftpd outside, passive: PASV')
    await get('desk', '--disable-epsv', 'ftp://198.51.100.7/page')
    await act('and active: PORT, with the address of the gateway put in')
    await get('desk', '--disable-eprt', '--ftp-port', '-', 'ftp://198.51.100.7/page')
    await act('curl outside gets a file from vsftpd inside, passive: EPSV')
    await get('outside', '--interface', '198.51.100.7', `ftp://${host}/page`)
    await act('and PASV, with the address of the gateway put in')
    await get('outside', '--interface', '198.51.100.7', '--disable-epsv', `ftp://${host}/page`)
  },
}

const all = { ...captures, ...gatewayCaptures }

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in all))
if (unknown.length > 0) {
  console.error(`error: no capture is called ${unknown.join(', ')}\n  try: ${Object.keys(all).join(' ')}`)
  process.exit(2)
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    network.destroy()
    process.exit(130)
  })
}

for (const [name, acts] of Object.entries(all)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const isGateway = name in gatewayCaptures
  network = new Network(isGateway ? gateway : street)
  try {
    network.build()
    const capture = join(root, 'examples', name)
    const own = capture.replace(/\/([^/]+)$/, '/rules-$1.v4')
    const count = await record(network, {
      rules: existsSync(own) ? own : join(capture, '..', 'rules.v4'),
      capture,
      devices: isGateway ? ['eth0', 'eth1'] : ['eth0'],
      acts,
    })
    console.log(`${name}.pcapng: ${count} packets`)
  } finally {
    network.destroy()
  }
}
rmSync(folder, { recursive: true, force: true })
