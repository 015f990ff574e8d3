// node warm.cjs PROGRAM: runs commands that people begin with, all in one process, and keeps what V8 compiled for them.
'use strict'
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

const { main, keepCompiled } = require(process.argv[2])
const root = join(__dirname, '..', '..')
const rules = join(root, 'examples/port-knock/rules.v4')

async function warm() {
  const folder = mkdtempSync(join(tmpdir(), 'postern-build-'))
  const state = ['--state', join(folder, 'state')]
  const commands = [
    ['--help'],
    ['check', rules],
    ['check', join(root, 'examples/log-clog/article.sh')],
    ['fmt', rules],
    ['iptables', ...state, '-A', 'INPUT', '-p', 'tcp', '--dport', '22', '-j', 'ACCEPT'],
    ['iptables', ...state, '-L'],
    ['iptables-save', ...state],
    ['iptables-restore', ...state, rules],
    ['ipset', ...state, 'create', 'banned', 'hash:net'],
    ['ipset', ...state, 'list'],
    ['trace', rules, 'eth0 tcp 198.51.100.7:4000 > 203.0.113.1:3306 syn'],
    ['test', join(root, 'examples/port-knock/scenario.yaml')],
  ]
  try {
    for (const words of commands) {
      process.argv = [process.argv[0], 'postern', ...words]
      await main()
      if (process.exitCode === 70) throw new Error(`a defect: postern ${words.join(' ')}`)
      process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM').removeAllListeners('SIGHUP')
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  keepCompiled()
  process.exit(0)
}

warm()
