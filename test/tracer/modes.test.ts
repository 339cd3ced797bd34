import { afterEach, describe, expect, it } from 'vitest'
import { IngotError } from '../../src/base/error.js'
import { AutoGradMode, EnableGradGuard, enableGrad, InferenceMode, inferenceMode, isGradEnabled, isInferenceModeEnabled, NoGradGuard, noGrad, setGradEnabled } from '../../src/tracer/modes.js'

const modes = (): readonly [boolean, boolean] => [isGradEnabled(), isInferenceModeEnabled()]
const NORMAL = [true, false]

afterEach(() => { expect(modes(), 'the test left the modes as they were').toEqual(NORMAL) })

function codeOf(run: () => unknown): string {
  try { run() } catch (error) { return error instanceof IngotError ? error.code : String(error) }
  return 'nothing thrown'
}

describe('guards', () => {
  // (grad, inference) for each nesting, as grad-modes/README.md §1 has it
  const TABLE: readonly (readonly [string, readonly (() => { dispose(): void })[], readonly [boolean, boolean]])[] = [
    ['NoGradGuard', [() => new NoGradGuard()], [false, false]],
    ['InferenceMode', [() => new InferenceMode()], [false, true]],
    ['InferenceMode > EnableGradGuard', [() => new InferenceMode(), () => new EnableGradGuard()], [true, true]],
    ['InferenceMode > AutoGradMode(true)', [() => new InferenceMode(), () => new AutoGradMode(true)], [true, true]],
    ['InferenceMode > NoGradGuard', [() => new InferenceMode(), () => new NoGradGuard()], [false, true]],
    ['InferenceMode > InferenceMode(false)', [() => new InferenceMode(), () => new InferenceMode(false)], [true, false]],
    ['InferenceMode > InferenceMode(false) > NoGradGuard', [() => new InferenceMode(), () => new InferenceMode(false), () => new NoGradGuard()], [false, false]],
    ['NoGradGuard > InferenceMode(false)', [() => new NoGradGuard(), () => new InferenceMode(false)], [true, false]],
  ]
  it.each(TABLE)('%s gives its modes and, closed one by one, those before', (_, open, wanted) => {
    const seen: (readonly [boolean, boolean])[] = []
    const guards = open.map((make) => { seen.push(modes()); return make() })
    expect(modes()).toEqual(wanted)
    for (const guard of guards.reverse()) {
      guard.dispose()
      expect(modes()).toEqual(seen.pop())
    }
  })

  it('`using` restores on the way out, also by a throw', () => {
    expect(() => {
      using _outer = new NoGradGuard()
      using _inner = new InferenceMode()
      expect(modes()).toEqual([false, true])
      throw new Error('boom')
    }).toThrow('boom')
    expect(modes()).toEqual(NORMAL)
  })

  it('disposing twice does nothing', () => {
    const guard = new InferenceMode()
    guard.dispose()
    const inner = new NoGradGuard()
    guard.dispose()
    expect(modes()).toEqual([false, false])
    inner.dispose()
  })

  it('an outer guard that is disposed of first says so, closes those inside it, and leaks nothing', () => {
    const outer = new InferenceMode(), middle = new InferenceMode(false), inner = new NoGradGuard()
    expect(codeOf(() => outer.dispose())).toBe('guard-order')
    expect(modes()).toEqual(NORMAL)
    expect(codeOf(() => inner.dispose())).toBe('nothing thrown')
    expect(codeOf(() => middle.dispose())).toBe('nothing thrown')
  })

  it('setGradEnabled lasts until the guard around it ends', () => {
    const guard = new InferenceMode()
    setGradEnabled(true)
    expect(modes()).toEqual([true, true])
    guard.dispose()
    expect(modes()).toEqual(NORMAL)
  })
})

describe('function forms', () => {
  it('run in their mode, hand on the result and restore', () => {
    expect(noGrad(() => [...modes(), 'x'])).toEqual([false, false, 'x'])
    expect(inferenceMode(modes)).toEqual([false, true])
    expect(inferenceMode(() => inferenceMode(modes, false))).toEqual([true, false])
    expect(noGrad(() => enableGrad(modes))).toEqual([true, false])
    expect(setGradEnabled(false, modes)).toEqual([false, false])
  })

  it('restore on a throw, through nested forms', () => {
    expect(() => noGrad(() => inferenceMode(() => { throw new Error('boom') }))).toThrow('boom')
  })

  it('a guard left open inside one does not reach outside', () => {
    inferenceMode(() => new NoGradGuard())
    expect(modes()).toEqual(NORMAL)
  })

  it('setGradEnabled inside one ends with it', () => {
    noGrad(() => setGradEnabled(true))
    expect(modes()).toEqual(NORMAL)
  })
})
