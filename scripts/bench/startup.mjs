// How long small commands take, against an empty program of Node and the real command.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../ensure.mjs'

const folder = mkdtempSync(join(tmpdir(), 'postern-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const call = (command, args) => spawnSync(command, args, { encoding: 'utf8', cwd: root })
const postern = (...words) => call(process.execPath, [join(root, 'bin/postern'), ...words])
const rules = join(root, 'examples/port-knock/rules.v4')
const state = ['--state', join(folder, 'state')]
const real = (...words) => call('unshare', ['--net', '--', ...words])

/** @returns {import('./measure.mjs').Benchmark} */
export function startup(runs = 15) {
  const probe = real('iptables-legacy', '-L')
  const must = ({ status, stderr }) => {
    if (status !== 0) throw new Error(stderr)
  }
  return {
    name: 'start-up of small commands',
    lack: probe.status === 0 ? null : 'needs root, iptables and network namespaces',
    check() {
      must(postern('iptables', ...state, '-A', 'INPUT', '-p', 'tcp', '--dport', '22', '-j', 'ACCEPT'))
      const { stdout } = postern('iptables', ...state, '-S', 'INPUT')
      return stdout.endsWith('-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n') ? null : `-S prints ${stdout}`
    },
    sides: {
      'node -e 0': () => must(call(process.execPath, ['-e', '0'])),
      'postern --help': () => must(postern('--help')),
      'postern check (12 lines)': () => must(postern('check', rules)),
      'postern fmt (12 lines)': () => must(postern('fmt', rules)),
      'postern iptables -L': () => must(postern('iptables', ...state, '-L')),
      'iptables-legacy-restore --test': () => must(real('iptables-legacy-restore', '--test', rules)),
      'iptables-legacy -L': () => must(real('iptables-legacy', '-L')),
    },
    runs,
  }
}
