/** The rooms of `src` know only those before them, and those up to `guard` know nothing of Node. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { repositoryRoot } from './shared.ts'

/** In the order in which they may know each other. */
const rooms = [
  'net',
  'lang',
  'space',
  'ext',
  'engine',
  'scenario',
  'prove',
  'recipe',
  'guard',
  'linux',
  'fleet',
  'daemon',
  'console',
  'cli',
]
const lastPureRoom = 'guard'
const nodeGlobals = new Set([
  'Buffer',
  'process',
  'global',
  'require',
  '__dirname',
  '__filename',
  'setImmediate',
])

const src = join(repositoryRoot, 'src')

interface SourceFile {
  readonly path: string
  readonly room: string
  readonly imports: readonly string[]
  /** Names of Node globals that the file uses. */
  readonly globals: readonly string[]
}

const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.split('/').includes('_testing')

function read(path: string): SourceFile {
  const file = ts.createSourceFile(path, readFileSync(join(src, path), 'utf8'), ts.ScriptTarget.Latest, true)
  const imports: string[] = []
  const globals: string[] = []
  const visit = (node: ts.Node): void => {
    const specifier =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined
    if (specifier !== undefined)
      imports.push(ts.isStringLiteralLike(specifier) ? specifier.text : '(computed)')
    if (ts.isIdentifier(node) && nodeGlobals.has(node.text) && isReference(node)) globals.push(node.text)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return { path, room: path.split('/')[0]!, imports, globals }
}

/** Not a property's name (`x.process`, `{ process: 1 }`) nor a declaration's. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  const named = parent as { readonly name?: ts.Node }
  return named.name !== node || ts.isShorthandPropertyAssignment(parent)
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && path.includes('/'))
  .map(read)

/** Tests may reach into every room: the kernel judges what an earlier room does. */
const products = files.filter(({ path }) => !isTest(path))

const pureProducts = products.filter(({ room }) => rooms.indexOf(room) <= rooms.indexOf(lastPureRoom))

/** The room that an import leads to, `src` for the library's own index, or null for a package. */
function roomOf(file: SourceFile, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null
  const target = relative(src, resolve(dirname(join(src, file.path)), specifier))
  return target.startsWith('..') ? 'outside' : target.includes('/') ? target.split('/')[0]! : 'src'
}

describe('rooms', () => {
  it('are the folders of src', () => {
    expect(files.length).toBeGreaterThan(20)
    expect([...new Set(files.map(({ room }) => room))].filter((room) => !rooms.includes(room))).toEqual([])
  })

  it('import only from themselves and those before them', () => {
    const wrong = products.flatMap((file) =>
      file.imports
        .map((specifier) => ({ specifier, room: roomOf(file, specifier) }))
        .filter(({ room }) => room !== null)
        .filter(({ room }) => !rooms.includes(room!) || rooms.indexOf(file.room) < rooms.indexOf(room!))
        .map(({ specifier }) => `${file.path} imports ${specifier}`),
    )
    expect(wrong).toEqual([])
  })

  it('import nothing that is made for tests', () => {
    const wrong = products.flatMap(({ path, imports }) =>
      imports.filter((specifier) => isTest(specifier)).map((specifier) => `${path} imports ${specifier}`),
    )
    expect(wrong).toEqual([])
  })

  it(`know nothing of Node up to ${lastPureRoom}`, () => {
    const wrong = pureProducts.flatMap(({ path, imports, globals }) => [
      ...imports
        .filter((specifier) => specifier.startsWith('node:') || specifier === '(computed)')
        .map((specifier) => `${path} imports ${specifier}`),
      ...globals.map((name) => `${path} uses ${name}`),
    ])
    expect(wrong).toEqual([])
  })

  it('come with packages that a browser can run, if any', () => {
    const allowed = new Set(['yaml', 'zod'])
    const wrong = pureProducts.flatMap(({ path, imports }) =>
      imports
        .filter((specifier) => !specifier.startsWith('.') && !allowed.has(specifier))
        .map((specifier) => `${path} imports ${specifier}`),
    )
    expect(wrong).toEqual([])
  })
})
