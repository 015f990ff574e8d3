// A throw-away network: 203.0.113.1 (host) on a bridge with two Windows machines and a router, behind which clients
// (198.51.100.0/24) and servers (192.0.2.0/24) live. Each machine is a network namespace of this process's own name.
import { spawn, spawnSync } from 'node:child_process'

export const hostMac = '02:00:00:00:00:01'

const machines = {
  host: { addresses: ['203.0.113.1/24'], mac: hostMac, gateway: '203.0.113.254' },
  windows1: { addresses: ['203.0.113.40/24'], mac: '02:00:00:00:00:40' },
  windows2: { addresses: ['203.0.113.41/24'], mac: '02:00:00:00:00:41' },
  clients: {
    addresses: [
      '198.51.100.7/24',
      '198.51.100.8/24',
      '198.51.100.9/24',
      '198.51.100.10/24',
      '198.51.100.66/24',
    ],
    mac: '02:00:00:00:02:07',
    gateway: '198.51.100.1',
  },
  servers: {
    addresses: ['192.0.2.6/24', '192.0.2.7/24', '192.0.2.9/24', '192.0.2.10/24'],
    mac: '02:00:00:00:03:09',
    gateway: '192.0.2.1',
  },
}

export class Network {
  #prefix = `postern-record-${process.pid}`
  #namespaces = []
  #processes = new Set()

  namespace(machine) {
    return `${this.#prefix}-${machine}`
  }

  build() {
    for (const name of ['lan', 'router', ...Object.keys(machines)]) {
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
    this.#in('lan', 'ip', 'link', 'add', 'br0', 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0')
    this.#in('lan', 'ip', 'link', 'set', 'br0', 'up')
    this.#plug('router', 'eth0', 'lan', 'port-router', '02:00:00:00:00:fe', ['203.0.113.254/24'])
    for (const name of ['host', 'windows1', 'windows2']) {
      this.#plug(name, 'eth0', 'lan', `port-${name}`, machines[name].mac, machines[name].addresses)
    }
    this.#plug('clients', 'eth0', 'router', 'eth1', machines.clients.mac, machines.clients.addresses)
    this.#plug('servers', 'eth0', 'router', 'eth2', machines.servers.mac, machines.servers.addresses)
    this.#in('router', 'ip', 'addr', 'add', '198.51.100.1/24', 'dev', 'eth1')
    this.#in('router', 'ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'eth2')
    this.#in('router', 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
    for (const [name, { gateway }] of Object.entries(machines)) {
      if (gateway) this.#in(name, 'ip', 'route', 'add', 'default', 'via', gateway)
    }
    // A last segment that firewall rules keep from leaving is repeated after 200 ms, not sooner.
    this.#in('host', 'sysctl', '-qw', 'net.ipv4.tcp_early_retrans=0')
  }

  /** Joins two machines by a cable; the far end goes into the bridge where there is one. */
  #plug(name, device, far, farDevice, mac, addresses) {
    const near = this.namespace(name)
    this.#in(far, 'ip', 'link', 'add', farDevice, 'type', 'veth', 'peer', 'name', device, 'netns', near)
    this.#in(name, 'ip', 'link', 'set', device, 'address', mac, 'up')
    for (const address of addresses) {
      this.#in(name, 'ip', 'addr', 'add', address, 'broadcast', '+', 'dev', device)
    }
    if (far === 'lan') this.#in(far, 'ip', 'link', 'set', farDevice, 'master', 'br0')
    this.#in(far, 'ip', 'link', 'set', farDevice, 'up')
    this.#in(name, 'python3', '-c', offloadsOff, device)
    this.#in(far, 'python3', '-c', offloadsOff, farDevice)
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
      const child = this.#spawn(machine, command)
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
      const child = this.#spawn(machine, command)
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

  #spawn(machine, command) {
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
    for (const name of this.#namespaces) spawnSync('ip', ['netns', 'del', name])
    this.#namespaces = []
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
