// Throw-away networks for recordings and tests. Each machine is a network namespace of this process's own name, each
// bridge another; cables are veth pairs without offloads, so that captured packets are what a wire would carry.
import { spawn, spawnSync } from 'node:child_process'

export const hostMac = '02:00:00:00:00:01'

/**
 * 203.0.113.1 (host) on a bridge with two Windows machines and a router, behind which clients (198.51.100.0/24),
 * servers (192.0.2.0/24) and an office (10.32.1.0/24) live.
 */
export const street = {
  bridges: ['lan'],
  forwarding: ['router'],
  cables: [
    { from: 'router', device: 'eth0', to: 'lan', mac: '02:00:00:00:00:fe', addresses: ['203.0.113.254/24'] },
    { from: 'host', device: 'eth0', to: 'lan', mac: hostMac, addresses: ['203.0.113.1/24'] },
    { from: 'windows1', device: 'eth0', to: 'lan', mac: '02:00:00:00:00:40', addresses: ['203.0.113.40/24'] },
    { from: 'windows2', device: 'eth0', to: 'lan', mac: '02:00:00:00:00:41', addresses: ['203.0.113.41/24'] },
    {
      ...{ from: 'clients', device: 'eth0', mac: '02:00:00:00:02:07' },
      addresses: [7, 8, 9, 10, 66].map((last) => `198.51.100.${last}/24`),
      far: { machine: 'router', device: 'eth1', addresses: ['198.51.100.1/24'] },
    },
    {
      ...{ from: 'servers', device: 'eth0', mac: '02:00:00:00:03:09' },
      addresses: [6, 7, 9, 10].map((last) => `192.0.2.${last}/24`),
      far: { machine: 'router', device: 'eth2', addresses: ['192.0.2.1/24'] },
    },
    {
      ...{ from: 'office', device: 'eth0', mac: '02:00:00:00:04:07', addresses: ['10.32.1.7/24'] },
      far: { machine: 'router', device: 'eth3', addresses: ['10.32.1.1/24'] },
    },
  ],
  gateways: { host: '203.0.113.254', clients: '198.51.100.1', servers: '192.0.2.1', office: '10.32.1.1' },
}

/**
 * 203.0.113.1 (host) is a gateway: at eth0 the outside, which is 203.0.113.254 and 198.51.100.7, and at eth1 a network
 * with a web server (192.168.1.43) and a desk (192.168.1.9).
 */
export const gateway = {
  bridges: ['lan'],
  forwarding: ['host'],
  cables: [
    {
      ...{ from: 'host', device: 'eth0', mac: hostMac, addresses: ['203.0.113.1/24'] },
      far: {
        ...{ machine: 'outside', device: 'eth0', mac: '02:00:00:00:00:fe' },
        addresses: ['203.0.113.254/24', '198.51.100.7/32'],
      },
    },
    { from: 'host', device: 'eth1', to: 'lan', mac: '02:00:00:00:01:01', addresses: ['192.168.1.1/24'] },
    { from: 'web', device: 'eth0', to: 'lan', mac: '02:00:00:00:01:43', addresses: ['192.168.1.43/24'] },
    { from: 'desk', device: 'eth0', to: 'lan', mac: '02:00:00:00:01:09', addresses: ['192.168.1.9/24'] },
  ],
  gateways: { host: '203.0.113.254', web: '192.168.1.1', desk: '192.168.1.1' },
}

/** Networks of this process so far. */
let networks = 0

export class Network {
  #prefix = `postern-record-${process.pid}-${++networks}`
  #topology
  #namespaces = []
  #processes = new Set()

  constructor(topology = street) {
    this.#topology = topology
  }

  namespace(machine) {
    return `${this.#prefix}-${machine}`
  }

  build() {
    const { bridges, forwarding, cables, gateways } = this.#topology
    const machines = new Set(cables.flatMap(({ from, far }) => [from, ...(far ? [far.machine] : [])]))
    for (const name of [...bridges, ...machines]) {
      must('ip', 'netns', 'add', this.namespace(name))
      this.#namespaces.push(this.namespace(name))
      this.#in(
        name,
        'sysctl',
        '-qw',
        'net.ipv6.conf.all.disable_ipv6=1',
        'net.ipv6.conf.default.disable_ipv6=1',
      )
      this.#in(name, 'ip', 'link', 'set', 'lo', 'up')
    }
    for (const name of bridges) {
      this.#in(name, 'ip', 'link', 'add', 'br0', 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0')
      this.#in(name, 'ip', 'link', 'set', 'br0', 'up')
    }
    for (const [number, cable] of cables.entries()) this.#plug(cable, number)
    for (const name of forwarding) this.#in(name, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
    for (const [name, gateway] of Object.entries(gateways)) {
      this.#in(name, 'ip', 'route', 'add', 'default', 'via', gateway)
    }
    // A last segment that firewall rules keep from leaving is repeated after 200 ms, not sooner.
    this.#in('host', 'sysctl', '-qw', 'net.ipv4.tcp_early_retrans=0')
  }

  /** Joins two machines, or a machine and a bridge. */
  #plug({ from, device, mac, addresses, to, far }, number) {
    const end = far ?? { machine: to, device: `port${number}`, addresses: [] }
    this.#in(
      ...[end.machine, 'ip', 'link', 'add', end.device, 'type', 'veth'],
      ...['peer', 'name', device, 'netns', this.namespace(from)],
    )
    if (to !== undefined) this.#in(to, 'ip', 'link', 'set', end.device, 'master', 'br0')
    this.#raise(from, device, mac, addresses)
    this.#raise(end.machine, end.device, end.mac, end.addresses)
  }

  #raise(machine, device, mac, addresses) {
    if (mac !== undefined) this.#in(machine, 'ip', 'link', 'set', device, 'address', mac)
    // TCP hands its segments over in one piece, and rules count it once, unless a device wants them one by one.
    this.#in(machine, 'ip', 'link', 'set', device, 'gso_max_segs', '1', 'up')
    for (const address of addresses) {
      this.#in(machine, 'ip', 'addr', 'add', address, 'broadcast', '+', 'dev', device)
    }
    this.#in(machine, 'python3', '-c', offloadsOff, device)
  }

  /** The MAC of a machine's device. */
  macOf(machine, device) {
    return this.#topology.cables.find((cable) => cable.from === machine && cable.device === device).mac
  }

  #in(machine, ...command) {
    return must('ip', 'netns', 'exec', this.namespace(machine), ...command)
  }

  /**
   * Runs a command on a machine, waits, and returns what it printed. It may fail: knocks at shut doors do.
   * Its standard input is `input`, and ends `holdMs` later.
   */
  run(machine, command, { input = '', holdMs = 0, mustSucceed = false } = {}) {
    return new Promise((resolve, reject) => {
      const child = this.spawn(machine, command)
      let output = ''
      child.stdout.on('data', (data) => {
        output += data
      })
      child.stdin.on('error', () => {})
      child.stdin.write(input)
      setTimeout(() => child.stdin.end(), holdMs)
      child.on('close', (status) => {
        if (mustSucceed && status !== 0) reject(new Error(`${command.join(' ')} ended with ${status}`))
        else resolve(output)
      })
    })
  }

  /** Starts a command that runs until `stop`; resolves when it has printed `ready` (on either stream). */
  start(machine, command, ready) {
    return new Promise((resolve, reject) => {
      const child = this.spawn(machine, command)
      let printed = ''
      const look = (data) => {
        printed += data
        if (printed.includes(ready)) resolve(child)
      }
      child.stdout.on('data', look)
      child.stderr.on('data', look)
      child.on('close', (status) =>
        reject(new Error(`${command.join(' ')} ended with ${status}: ${printed}`)),
      )
    })
  }

  /** Starts a command that runs until it is stopped. */
  spawn(machine, command) {
    const child = spawn('ip', ['netns', 'exec', this.namespace(machine), ...command])
    this.#processes.add(child)
    child.on('close', () => this.#processes.delete(child))
    child.on('error', () => {})
    return child
  }

  async stop(child) {
    if (!this.#processes.has(child)) return
    await new Promise((resolve) => {
      child.on('close', resolve)
      child.kill('SIGTERM')
    })
  }

  /** Ends every process that was started and removes the namespaces. */
  destroy() {
    for (const child of this.#processes) child.kill('SIGKILL')
    for (const name of this.#namespaces) {
      // Servers have children of their own, which do not end with them.
      const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
      for (const id of (stdout ?? '').split('\n').filter((line) => line !== '')) endProcess(Number(id))
      spawnSync('ip', ['netns', 'del', name])
    }
    this.#namespaces = []
  }
}

function endProcess(id) {
  try {
    process.kill(id, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

/**
 * Switches checksum, segmentation and receive offloads off, so that captured packets are what a wire would carry.
 * ethtool's ioctl, SIOCETHTOOL with ETHTOOL_STXCSUM, STSO, SGSO and SGRO; source: include/uapi/linux/ethtool.h.
 */
const offloadsOff = `
import array, fcntl, socket, struct, sys
with socket.socket() as ioctl_socket:
    for command in (0x17, 0x1F, 0x24, 0x2C):
        value = array.array('B', struct.pack('II', command, 0))
        request = struct.pack('16sP', sys.argv[1].encode(), value.buffer_info()[0])
        try:
            fcntl.ioctl(ioctl_socket, 0x8946, request)
        except OSError as error:
            sys.exit(f'{sys.argv[1]}: offload {command:#x}: {error}')
`

/** Runs a command of this machine and returns what it printed; throws with its messages when it fails. */
export function must(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  return stdout
}
