import { expect, it } from 'vitest'
import { postern } from './_testing/environment.ts'

const elements = Array.from(
  { length: 12_000 },
  (_, at) => `10.${at >> 12}.${(at >> 4) & 255}.${(at & 15) << 4}/28`,
)
const text = `create big hash:net maxelem 100000\ncreate small hash:ip\n${elements.map((each) => `add big ${each}\n`).join('')}`

/** A machine whose files go from one command to the next. */
function machine() {
  let files: Record<string, Uint8Array> = {}
  return {
    get files() {
      return files
    },
    async run(...words: string[]) {
      const [program, ...rest] = words
      const given = { ...files, '-': new TextEncoder().encode(text) }
      const ran = await postern([program!, '--state', 'fw.state', ...rest], { files: given })
      const before = Object.keys(files)
      files = { ...files, ...Object.fromEntries(ran.written) }
      const { images = {} } = JSON.parse(new TextDecoder().decode(files['fw.state'])).sets ?? {}
      const kept = Object.values(images as Record<string, { file: string }>).map(({ file }) => file)
      for (const name of before) if (name !== 'fw.state' && !kept.includes(name)) delete files[name]
      return { ...ran, kept }
    },
  }
}

it('a set of many elements is kept beside the state file, and written only when it changes', async () => {
  const { run } = machine()
  const restored = await run('ipset', 'restore')
  expect(restored.kept).toHaveLength(1)
  const [file] = restored.kept
  expect([...restored.written.keys()].sort()).toEqual(['fw.state', file].sort())

  const tested = await run('ipset', 'test', 'big', '10.1.2.16/28')
  expect([tested.status, tested.stderr]).toEqual([0, 'Warning: 10.1.2.16/28 is in set big.\n'])
  expect([...tested.written.keys()]).toEqual([])

  // Rules name the set; what it holds is not read for them.
  const named = await run('iptables', '-A', 'INPUT', '-m', 'set', '--match-set', 'big', 'src', '-j', 'DROP')
  expect([named.status, [...named.written.keys()], named.kept]).toEqual([0, ['fw.state'], [file]])
  expect((await run('ipset', 'destroy', 'big')).status).toBe(1)

  const swapped = await run('ipset', 'rename', 'small', 'little')
  expect(swapped.kept).toEqual([file])
  const added = await run('ipset', 'add', 'big', '192.0.2.0/24')
  expect(added.status).toBe(0)
  expect(added.kept).toHaveLength(1)
  expect(added.kept).not.toEqual([file])

  const saved = (await run('ipset', 'save', 'big')).stdout
    .split('\n')
    .filter((line) => line.startsWith('add'))
  expect(saved.sort()).toEqual([...elements, '192.0.2.0/24'].map((each) => `add big ${each}`).sort())

  await run('iptables', '-F')
  expect((await run('ipset', 'flush', 'big')).kept).toEqual([])
  expect((await run('ipset', 'save', 'big')).stdout).not.toContain('add')
})

it('says what is damaged', async () => {
  const { run, files } = machine()
  const { kept } = await run('ipset', 'restore')
  const state = await postern(['ipset', '--state', 'fw.state', 'list'], {
    files: {
      'fw.state':
        '{"postern":"state","version":1,"ipv4":"","ipv6":"","sets":{"atMs":0,"text":"","images":{"x":{"file":"y","sweepAtTicks":null}}}}',
    },
  })
  expect([state.status, state.stderr]).toEqual([2, 'error: fw.state has been damaged: there is no set x\n'])
  expect(Object.keys(files)).toEqual([])
  expect(kept).toHaveLength(1)
})
