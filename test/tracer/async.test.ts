import { afterEach, describe, expect, it, vi } from 'vitest'
import { IngotError } from '../../src/base/error.js'
import * as own from '../../src/tracer/modes.js'

type Modes = typeof own
const turn = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0) })

/** The module as a platform without AsyncLocalStorage has it. */
async function withoutAsyncContext(): Promise<Modes> {
  vi.resetModules()
  vi.stubGlobal('process', { ...process, getBuiltinModule: undefined })
  return import('../../src/tracer/modes.js')
}

const codeOf = (error: unknown): string => (error as IngotError).code

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

describe('with async context', () => {
  it('an async function keeps its mode across its awaits', async () => {
    const seen = await own.inferenceMode(async () => {
      const first = own.isInferenceModeEnabled()
      await turn()
      const guard = new own.NoGradGuard()
      guard.dispose()
      await Promise.resolve()
      return [first, own.isInferenceModeEnabled(), own.isGradEnabled()]
    })
    expect(seen).toEqual([true, true, false])
    expect(own.isInferenceModeEnabled()).toBe(false)
  })

  it('tasks that interleave never see each other’s mode', async () => {
    const seen: Record<string, string[]> = { inference: [], noGrad: [], plain: [] }
    const watch = async (name: string): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        seen[name]?.push(`${own.isGradEnabled()} ${own.isInferenceModeEnabled()}`)
        await turn()
      }
    }
    const tasks = [own.inferenceMode(() => watch('inference')), own.noGrad(() => watch('noGrad')), watch('plain')]
    expect([own.isGradEnabled(), own.isInferenceModeEnabled()]).toEqual([true, false])
    await Promise.all(tasks)
    expect(new Set(seen['inference'])).toEqual(new Set(['false true']))
    expect(new Set(seen['noGrad'])).toEqual(new Set(['false false']))
    expect(new Set(seen['plain'])).toEqual(new Set(['true false']))
  })

  it('an async function that throws rejects, and the mode is what it was', async () => {
    await expect(own.noGrad(async () => { await turn(); throw new Error('boom') })).rejects.toThrow('boom')
    expect(own.isGradEnabled()).toBe(true)
  })

  it('nested forms in a task go back to the task’s mode, not to the outermost', async () => {
    const seen = await own.noGrad(async () => {
      await own.inferenceMode(async () => { await turn() })
      return [own.isGradEnabled(), own.isInferenceModeEnabled()]
    })
    expect(seen).toEqual([false, false])
  })

  it('a guard held across an await ends where the code yields, and says so when it is disposed of', async () => {
    let other: boolean | undefined
    const task = async (): Promise<void> => {
      using _guard = new own.InferenceMode()
      await turn()
    }
    const running = task()
    await Promise.resolve().then(() => { other = own.isInferenceModeEnabled() })
    expect(other).toBe(false)
    expect(codeOf(await running.catch((e: unknown) => e))).toBe('async-mode')
    expect(own.isInferenceModeEnabled()).toBe(false)
  })
})

describe('without async context', () => {
  it('an async function is refused, and the mode does not leak', async () => {
    const modes = await withoutAsyncContext()
    let error: unknown
    try { await modes.inferenceMode(async () => { await turn() }) } catch (e) { error = e }
    expect(codeOf(error)).toBe('async-mode')
    expect((error as Error).message).toContain('hint')
    expect([modes.isGradEnabled(), modes.isInferenceModeEnabled()]).toEqual([true, false])
  })

  it('a rejection of the refused function is not left unhandled', async () => {
    const modes = await withoutAsyncContext()
    const unhandled = vi.fn()
    vi.unstubAllGlobals()
    process.on('unhandledRejection', unhandled)
    vi.stubGlobal('process', { ...process, getBuiltinModule: undefined })
    expect(() => modes.noGrad(async () => { throw new Error('boom') })).toThrow('async function')
    await turn()
    vi.unstubAllGlobals()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('synchronous functions nest and restore, also on a throw', async () => {
    const modes = await withoutAsyncContext()
    expect(modes.inferenceMode(() => modes.inferenceMode(() => [modes.isGradEnabled(), modes.isInferenceModeEnabled()], false))).toEqual([true, false])
    expect(() => modes.noGrad(() => { throw new Error('boom') })).toThrow('boom')
    expect(modes.isGradEnabled()).toBe(true)
  })
})
