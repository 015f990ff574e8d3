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

/** Each rule loaded alone into an empty table, in one namespace and one shell. */
export function askKernel(rules: readonly KernelRule[]): KernelAnswer[] {
  const script = rules.map(({ family, table, line }, at) => {
    const tool = toolOf(family)
    return [
      `${tool}-restore 2>/dev/null <<'POSTERN'`,
      `*${table}`,
      line,
      'COMMIT',
      'POSTERN',
      `echo '${marker}' ${at} $?`,
      `${tool}-save -t ${table} | grep -a '^-A '`,
    ].join('\n')
  })
  const run = spawnSync('unshare', ['-n', 'sh'], { input: script.join('\n'), encoding: 'utf8' })
  const answers = run.stdout.split(`${marker} `).slice(1)
  if (answers.length !== rules.length)
    throw new Error(`the kernel answered ${answers.length} of ${rules.length}`)
  return answers.map((answer) => {
    const [head, ...saved] = answer.trimEnd().split('\n')
    const exitCode = Number(head!.split(' ')[1])
    return { exitCode, saved: exitCode === 0 ? saved.join('\n') : null }
  })
}
