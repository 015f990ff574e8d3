// `npm run deb [-- FOLDER]`: makes postern_VERSION_ARCHITECTURE.deb of what is built, with the native parts that this
// machine's npm installed. Nothing is fetched.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ensureBuilt, root } from './ensure.mjs'

const { version, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const architecture = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim()
const target = resolve(process.argv[2] ?? '.')

ensureBuilt()
const tree = mkdtempSync(join(tmpdir(), 'postern-deb-'))
try {
  chmodSync(tree, 0o755)
  program()
  documents()
  control()
  const file = join(target, `postern_${version}_${architecture}.deb`)
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '-z2', '--build', tree, file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  console.log(file)
} finally {
  rmSync(tree, { recursive: true, force: true })
}

function put(path, data, mode = 0o644) {
  const to = join(tree, path)
  mkdirSync(dirname(to), { recursive: true })
  writeFileSync(to, data)
  chmodSync(to, mode)
}

/** /usr/lib/postern as an installed package lies there; /usr/bin/postern leads to it. */
function program() {
  const to = join(tree, 'usr/lib/postern')
  for (const path of ['bin', 'dist/program', 'package.json', 'examples', 'docs'])
    cpSync(join(root, path), join(to, path), { recursive: true, filter: (from) => !from.endsWith('.cache') })
  for (const name of nativePackages())
    cpSync(join(root, 'node_modules', name), join(to, 'node_modules', name), { recursive: true })
  put('usr/bin/postern', '#!/bin/sh\nexec /usr/bin/node /usr/lib/postern/bin/postern "$@"\n', 0o755)
  put('usr/lib/systemd/system/postern.service', readFileSync(join(root, 'packaging/postern.service')))
  // Where postern init writes to.
  mkdirSync(join(tree, 'etc/postern'), { recursive: true })
  put('usr/share/bash-completion/completions/postern', postern('completion', 'bash'))
}

/** Optional packages with what they need, those for this machine: others npm has not installed. */
function nativePackages() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const found = new Set()
  const take = (name) => {
    if (found.has(name) || name.endsWith('musl') || !existsSync(join(root, 'node_modules', name))) return
    found.add(name)
    const { dependencies = {}, optionalDependencies = {} } = packages[`node_modules/${name}`] ?? {}
    for (const each of Object.keys({ ...dependencies, ...optionalDependencies })) take(each)
  }
  for (const name of Object.keys(packages[''].optionalDependencies ?? {})) take(name)
  return found
}

function documents() {
  for (const page of readdirSync(join(root, 'man')))
    put(`usr/share/man/man1/${page}.gz`, gzipSync(readFileSync(join(root, 'man', page)), { level: 9 }))
  const share = 'usr/share/doc/postern'
  put(`${share}/README.md`, readFileSync(join(root, 'README.md')))
  put(`${share}/changelog.gz`, gzipSync(readFileSync(join(root, 'CHANGELOG.md')), { level: 9 }))
  const licences = readFileSync(join(root, 'dist/program/LICENSES.txt'), 'utf8')
  put(`${share}/copyright`, `${readFileSync(join(root, 'LICENSE'), 'utf8')}\n---\n\nIncluded:\n\n${licences}`)
}

/** Nothing is started and nothing configured: `postern init` and the administrator do that. */
function control() {
  const kib = Number(execFileSync('du', ['-sk', tree], { encoding: 'utf8' }).split('\t')[0])
  put(
    'DEBIAN/control',
    `Package: postern
Version: ${version}
Architecture: ${architecture}
Maintainer: The Postern developers <postern@localhost>
Installed-Size: ${kib}
Section: net
Priority: optional
Depends: nodejs (>= 20.19), iptables
Recommends: ipset, conntrack
Suggests: whois
Description: ${description.split(':')[0]}
 ${description}
`,
  )
  const reload = 'if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi\n'
  put('DEBIAN/postinst', `#!/bin/sh\nset -e\n${reload}`, 0o755)
  put(
    'DEBIAN/prerm',
    '#!/bin/sh\nset -e\nif [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl stop postern.service || true; fi\n',
    0o755,
  )
  put('DEBIAN/postrm', `#!/bin/sh\nset -e\n${reload}`, 0o755)
}

function postern(...words) {
  return execFileSync(process.execPath, [join(root, 'bin/postern'), ...words], { encoding: 'utf8' })
}
