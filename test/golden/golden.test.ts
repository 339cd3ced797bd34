import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { hostTensor } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'
import { parseGraph } from '../../src/ir/parse.js'
import { printGraph } from '../../src/ir/print.js'
import { verifyGraph } from '../../src/ir/verify.js'
import { getPass, runPasses } from '../../src/passes/index.js'
import { firstDifference, readGolden, seededFeeds, symbolSets, writeGolden } from './golden-file.js'

const FOLDER = dirname(fileURLToPath(import.meta.url))
const BLESS = process.env['INGOT_BLESS'] === '1'
const MAX_LINES = 25
/** What a pass that preserves `rounding` may change, relative to the value. */
const ROUNDING = 1e-5

const files = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
  .filter((e) => e.isFile() && e.name.endsWith('.ing'))
  .map((e) => join(e.parentPath, e.name))
  .sort()

describe('golden files', () => {
  it('exist', () => {
    expect(files.length).toBeGreaterThan(0)
  })

  it.each(files.map((path) => ({ name: relative(FOLDER, path), path })))('$name', ({ path }) => {
    const golden = readGolden(readFileSync(path, 'utf8'))
    const before = parseGraph(golden.before)
    verifyGraph(before)
    const after = runPasses(before, golden.passes, { verify: true })
    const text = printGraph(after, { weights: 'full' }).trim()
    if (golden.interpreted) {
      const exact = golden.passes.every((p) => getPass(p).preserves === 'bits')
      symbolSets(golden, before).forEach((symbols, seed) => {
        const feeds = seededFeeds(before, symbols, golden.ranges, seed + 1)
        expect(firstDifference(interpret(before, feeds), interpret(after, feeds), exact ? 0 : ROUNDING)).toBeUndefined()
      })
    }
    if (BLESS) writeFileSync(path, writeGolden(golden, text))
    else expect(text).toBe(golden.after)
    for (const part of [golden.before, text]) expect(part.split('\n').length, 'lines of a graph').toBeLessThanOrEqual(MAX_LINES)
  })
})

describe('the golden driver', () => {
  const SAMPLE = '// passes: fold-constants, drop-dead\n// symbols: n=3 h=4\n// range: i 0 3\ngraph @g stage=traced () -> () {\n  return\n}\n=>\nold\n'

  it('reads header, graphs and options', () => {
    expect(readGolden(SAMPLE)).toMatchObject({ passes: ['fold-constants', 'drop-dead'], symbols: [{ n: 3, h: 4 }], ranges: { i: [0, 3] }, interpreted: true, after: 'old' })
    expect(readGolden(SAMPLE.replace('// range', '// not interpreted: writes in place\n// range')).interpreted).toBe(false)
    expect(() => readGolden('graph @g …')).toThrow(/begins with a line/)
  })

  it('rewrites the result and nothing else', () => {
    expect(writeGolden(readGolden(SAMPLE), 'new')).toBe(SAMPLE.replace('=>\nold', '=>\nnew'))
  })

  it('sees a difference of one bit where bits are promised, and of shape, dtype and NaN always', () => {
    const one = { y: hostTensor('float32', [1], [1]) }
    expect(firstDifference(one, one, 0)).toBeUndefined()
    expect(firstDifference(one, { y: hostTensor('float32', [1], [1 + 2 ** -23]) }, 0)).toMatch(/y\[0\]: 1 became 1.0000001/)
    expect(firstDifference(one, { y: hostTensor('float32', [1], [1 + 2 ** -23]) }, ROUNDING)).toBeUndefined()
    expect(firstDifference(one, { y: hostTensor('float32', [1], [1.001]) }, ROUNDING)).toMatch(/became/)
    expect(firstDifference(one, { y: hostTensor('float32', [1], [NaN]) }, ROUNDING)).toMatch(/became NaN/)
    expect(firstDifference({ y: hostTensor('float32', [1], [0]) }, { y: hostTensor('float32', [1], [-0]) }, 0)).toMatch(/became/)
    expect(firstDifference(one, { y: hostTensor('float32', [1, 1], [1]) }, ROUNDING)).toMatch(/became float32\[1, 1\]/)
    expect(firstDifference(one, {}, ROUNDING)).toMatch(/became nothing/)
  })
})
