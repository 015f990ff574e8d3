/** Rules through the real iptables, in a network namespace that lives as long as one process. */
import { spawnSync } from 'node:child_process'
import type { TableName } from '../../lang/rule.ts'
import type { Family } from '../../net/address.ts'

export interface KernelRule {
  readonly family: Family
  readonly table: TableName
  /** `-A CHAIN ...` in iptables-restore's quoting. */
  readonly line: string
}

export interface KernelAnswer {
  /** 0, 1 where the kernel refused, 2 where iptables did. */
  readonly exitCode: number
  /** The line that iptables-save printed; null when refused. */
  readonly saved: string | null
  /** The rule's lines in `-L -nvx --line-numbers` and in `-L`; null when refused. */
  readonly listed: { readonly numeric: string; readonly plain: string } | null
}

/** Why the kernel cannot be asked here, or null when it can. */
export const kernelIsOutOfReach: string | null =
  process.getuid?.() !== 0
    ? 'needs root'
    : spawnSync('unshare', ['-n', 'iptables-legacy-restore', '--version']).status !== 0
      ? 'needs unshare and iptables-legacy'
      : null

const toolOf = (family: Family): string => (family === 'ipv4' ? 'iptables-legacy' : 'ip6tables-legacy')

const marker = '##'
const listingMarker = '%%'

/** Each rule loaded alone into an empty table, in one namespace and one shell. */
export function askKernel(rules: readonly KernelRule[]): KernelAnswer[] {
  const script = rules.map(({ family, table, line }, at) => {
    const tool = toolOf(family)
    const [, chain] = line.split(' ')
    return [
      `${tool}-restore 2>/dev/null <<'POSTERN'`,
      `*${table}`,
      line,
      'COMMIT',
      'POSTERN',
      `echo '${marker}' ${at} $?`,
      `${tool}-save -t ${table} | grep -a '^-A '`,
      `echo '${listingMarker}'`,
      `${tool} -t ${table} -L ${chain} 1 -nvx --line-numbers`,
      `${tool} -t ${table} -L ${chain} 1`,
    ].join('\n')
  })
  const run = spawnSync('unshare', ['-n', 'sh'], { input: script.join('\n'), encoding: 'utf8' })
  const answers = run.stdout.split(`${marker} `).slice(1)
  if (answers.length !== rules.length)
    throw new Error(`the kernel answered ${answers.length} of ${rules.length}`)
  return answers.map((answer) => {
    const [head, ...rest] = answer.replace(/\n$/, '').split('\n')
    const exitCode = Number(head!.split(' ')[1])
    if (exitCode !== 0) return { exitCode, saved: null, listed: null }
    const divide = rest.indexOf(listingMarker)
    const [numeric = '', plain = ''] = rest.slice(divide + 1)
    return {
      exitCode,
      saved: rest.slice(0, divide).join('\n'),
      listed: { numeric: numeric.trimEnd(), plain: plain.trimEnd() },
    }
  })
}
