// Becomes dist/program/main.cjs: starts the program from its few bundled files, with what V8 compiled of them before.
//
// Compiling takes longer than most commands run. V8's code cache spares it, as long as the same version of Node reads it
// with the same flags; whatever else it gets, V8 refuses, and compiles. Node 20 has no such cache of its own
// (`module.enableCompileCache` came with 22.1), and an ES module cannot be given one; so the files are CommonJS here.
'use strict'
const { accessSync, constants, readFileSync, renameSync, rmSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { Script } = require('node:vm')

const entry = '%entry%'
const endOfCache = `.${process.version}-${process.arch}.cache`

/** By file name: the module's object, and its script. */
const modules = new Map()
const scripts = new Map()
/** Whether some file was compiled for want of a cache. */
let compiled = false

function load(name) {
  const known = modules.get(name)
  if (known !== undefined) return known.exports
  const module = { exports: {} }
  modules.set(name, module)
  const filename = join(__dirname, name)
  const cachedData = readIfThere(filename + endOfCache)
  compiled ||= cachedData === undefined
  const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, 'utf8')}\n})`
  const script = new Script(source, { filename, cachedData })
  scripts.set(filename, script)
  script.runInThisContext().call(module.exports, module.exports, requireFrom, module, filename, __dirname)
  return module.exports
}

const requireFrom = (name) => (name.startsWith('./') ? load(name.slice(2)) : require(name))

function readIfThere(path) {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

/**
 * Writes what was compiled by now beside the files. The names of files change with their content, and those of caches
 * with the version of Node, so what is there is never replaced.
 */
function keepCompiled() {
  try {
    accessSync(__dirname, constants.W_OK)
    for (const [filename, script] of scripts) {
      const path = filename + endOfCache
      if (readIfThere(path) !== undefined) continue
      const beside = `${path}.${process.pid}`
      try {
        writeFileSync(beside, script.createCachedData())
        renameSync(beside, path)
      } catch (error) {
        rmSync(beside, { force: true })
        throw error
      }
    }
  } catch {
    // Installed by somebody else, or no room: the next start compiles again.
  }
}

/** Runs the program with the words of this process. */
async function start() {
  await load(entry).main()
  // Other flags would make another cache, which those who call without could not use.
  const isPlain = process.execArgv.length === 0 && !process.env.NODE_OPTIONS && !process.env.NODE_V8_COVERAGE
  if (compiled && isPlain) process.on('exit', keepCompiled)
}

module.exports = { start, main: () => load(entry).main(), keepCompiled }
