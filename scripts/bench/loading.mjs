// How long it takes to read rules, against iptables-restore --test on the same file.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../ensure.mjs'
import { networks, ruleset } from './rules.mjs'

const folder = mkdtempSync(join(tmpdir(), 'postern-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const call = (command, args, input) =>
  spawnSync(command, args, { input, encoding: 'utf8', maxBuffer: 1 << 28 })

const postern = (...words) => call(process.execPath, [join(root, 'bin/postern'), ...words])
const restore = (kind, path) =>
  call('unshare', ['--net', '--', `iptables-${kind}-restore`, '--test'], readFileSync(path))

/**
 * @param {'mixed' | 'networks'} kind Rules of a gateway and a list of networks, or such a list alone.
 * @returns {import('./measure.mjs').Benchmark}
 */
export function loading(count, runs = 5, kind = 'mixed') {
  const path = join(folder, `${kind}-${count}.v4`)
  writeFileSync(path, kind === 'mixed' ? ruleset(count) : networks(count))
  const probe = restore('nft', '/dev/null')
  const must = ({ status, stderr }) => {
    if (status !== 0) throw new Error(stderr)
  }
  return {
    name: `reading ${count} rules${kind === 'mixed' ? '' : ', all of them networks'}`,
    lack: probe.status === 0 ? null : 'needs root, iptables and network namespaces',
    check() {
      const { stdout } = postern('fmt', path)
      return stdout === readFileSync(path, 'utf8')
        ? null
        : 'fmt prints something else than what the kernel would'
    },
    sides: {
      'iptables-nft-restore --test': () => must(restore('nft', path)),
      'iptables-legacy-restore --test': () => must(restore('legacy', path)),
      'postern check': () => must(postern('check', path)),
      'postern fmt': () => must(postern('fmt', path)),
      'node -e 0': () => must(call(process.execPath, ['-e', '0'])),
    },
    runs,
  }
}
