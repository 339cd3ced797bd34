import { afterEach, describe, expect, test, vi } from 'vitest'
import { encodeModule, type WasmFunction } from '../../src/codegen/wasm/encode.js'
import { call, constant, get, op, vectorConstant, type Code } from '../../src/codegen/wasm/instructions.js'
import { warmUp } from '../../src/runtime/wasm/warm.js'

const FOREVER: Code = [0x03, 0x40, 0x0c, 0, 0x0b]
const RETURN_EARLY: Code = [op('i32.ge_s', get(0), get(1)), 0x04, 0x40, [get(0), 0x04, 0x40, get(0), 0x0d, 2, 0x0b], op('return'), 0x0b]
const NOTHING = vectorConstant('i32', [0, 0, 0, 0])

/** A module of a loop, `loops.warm` and a function that they may call, which never ends. */
function moduleOf(loop: Code, warm: Code): Uint8Array {
  const own = (name: string, params: WasmFunction['params'], body: Code): WasmFunction => ({ name, params, results: [], locals: ['v128'], body, exported: name === 'loops.warm' })
  return encodeModule({ pages: 1, globals: [], functions: [own('loop', ['i32', 'i32', 'v128'], loop), own('loops.warm', [], warm), own('forever', [], FOREVER)] })
}

const { Instance } = WebAssembly

/** How often warming up calls `loops.warm` of a module; it never ends where it calls what never does. */
function callsOf(code: Uint8Array, relaxed = true): number {
  let calls = 0
  vi.spyOn(WebAssembly, 'Instance').mockImplementation(function (this: unknown, module: WebAssembly.Module, imports?: WebAssembly.Imports) {
    const warm = new Instance(module, imports).exports['loops.warm'] as () => void
    return { exports: { 'loops.warm': Object.defineProperty(() => { calls++; warm() }, 'name', { value: warm.name }) } } as never
  })
  warmUp(code, new WebAssembly.Module(code as Uint8Array<ArrayBuffer>), new WebAssembly.Memory({ initial: 1 }), relaxed)
  return calls
}

afterEach(() => { vi.restoreAllMocks() })

const zero = constant('i32', 0)

describe('warming up a module', () => {
  test('calls what calls loops that have nothing to do, more often where engines count further', () => {
    const code = moduleOf([RETURN_EARLY, FOREVER], [call(0, zero, zero, NOTHING), call(0, zero, zero, NOTHING)])
    const before = callsOf(code, false)
    expect(before).toBeGreaterThan(5)
    expect(callsOf(code)).toBeGreaterThan(before)
  })

  test.each<[string, Code, Code]>([
    ['calls a function that does not look whether it has something to do', FOREVER, call(0, zero, zero, NOTHING)],
    ['gives a loop something to do', [RETURN_EARLY, FOREVER], call(0, zero, constant('i32', 1), NOTHING)],
    ['gives a loop a number of several bytes', [RETURN_EARLY, FOREVER], call(0, zero, constant('i32', 128), NOTHING)],
    ['has a loop of its own', [RETURN_EARLY, FOREVER], FOREVER],
    ['calls itself', [RETURN_EARLY, FOREVER], call(1)],
    ['calls another function than the loop', [RETURN_EARLY, FOREVER], call(2)],
    ['calls a function that goes on where it has nothing to do', [[op('i32.ge_s', get(0), get(1)), 0x04, 0x40, [get(0), 0x04, 0x40, get(0), 0x0d, 1, 0x0b], 0x0b], FOREVER], call(0, zero, zero, NOTHING)],
    ['calls a function that compares the other way', [[op('i32.lt_s', get(0), get(1)), 0x04, 0x40, [get(0), 0x04, 0x40, 0x0b], op('return'), 0x0b], FOREVER], call(0, zero, zero, NOTHING)],
  ])('is left out where it %s', (_, loop, warm) => {
    expect(callsOf(moduleOf(loop, warm))).toBe(0)
  })

  test('is left out where an instance runs something by itself', () => {
    const code = moduleOf([RETURN_EARLY], call(0, zero, zero, NOTHING)), at = sectionAt(code, 10)
    const starts = Uint8Array.of(...code.subarray(0, at), 8, 1, 2, ...code.subarray(at))
    expect(WebAssembly.validate(starts)).toBe(true)
    expect(callsOf(starts)).toBe(0)
  })
})

/** Where section `id` begins; sections are shorter than 128 bytes here. */
function sectionAt(code: Uint8Array, id: number): number {
  let at = 8
  while (code[at] !== id) at += 2 + (code[at + 1] as number)
  return at
}
