// `npm start`: the port-knocking firewall of examples/port-knock on captures of real packets. No root needed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { ensureBuilt, root, run } from './ensure.mjs'

ensureBuilt()

const colors = process.stdout.isTTY && !process.env.NO_COLOR
const bold = (text) => (colors ? styleText('bold', text) : text)
const dim = (text) => (colors ? styleText('dim', text) : text)
const folder = 'examples/port-knock'

console.log(
  bold('A firewall that remembers: ping, then port 7, then port 8000 within 10 s, and port 3306 opens.'),
)
for (const line of readFileSync(join(root, folder, 'rules.v4'), 'utf8').split('\n')) {
  if (line.startsWith('-A')) console.log(dim(`  ${line}`))
}

const sessions = [
  ['right', 'The right knock: port 3306 is shut at first, and open at the end.'],
  ['wrong-order', 'Port 8000 first: nothing opens.'],
  ['interrupted', 'Something else between port 7 and port 8000: the knock is forgotten.'],
  ['too-slow', 'The right order, but more than 10 s between port 7 and port 8000.'],
  ['scan', 'A scan of ascending ports.'],
]
for (const [name, title] of sessions) {
  console.log(`\n${bold(title)}`)
  const arguments_ = ['replay', '-v', '--arriving', `${folder}/rules.v4`, `${folder}/${name}.pcapng`]
  console.log(dim(`$ postern ${arguments_.join(' ')}`))
  run(process.execPath, [join(root, 'bin', 'postern'), ...arguments_])
}
console.log(`\n${bold('The same on the real kernel, compared step by step:')}`)
console.log(`$ sudo bin/postern test --on both ${folder}/scenario.yaml`)
