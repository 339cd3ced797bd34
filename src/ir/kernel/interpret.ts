/**
 * The kernel interpreter: what a kernel means, slowly and with every access checked. The oracle for schedules and renderers.
 * The kernel is compiled to closures once, so that cases of some millions of steps run in seconds.
 */
import { spellFolds } from './spell-folds.js'
import { DTYPES, type TensorStorage } from '../../base/dtype.js'
import { evaluateDim } from '../../base/dim.js'
import { IngotError } from '../../base/error.js'
import { printDim } from '../dims-text.js'
import type { Scalar } from './arithmetic.js'
import { isVector, typeOfExpr } from './expr.js'
import { compileDim, compileExpr, compileStore, compileVectorStore, type BoundBuffer, type Evaluate, type Frame, type Register, type Scope } from './interpret-expr.js'
import { compileLocal, Turns } from './interpret-local.js'
import type { Kernel, Stmt } from './kernel.js'

export interface InterpretOptions {
  /** Rounds f32 registers after every operation (the default); false computes f32 in double and rounds at stores, as the js target does. */
  readonly roundF32?: boolean
}

type Run = (frame: Frame) => void

/**
 * Runs `kernel` with values for all its parameters and storage for all its buffers; results are written into the storage.
 * Throws `verify-kernel` for an access out of bounds, `index-out-of-range` for an index in data that is outside its extent.
 */
export function interpretKernel(kernel: Kernel, params: Readonly<Record<string, number>>, buffers: Readonly<Record<string, TensorStorage>>, options: InterpretOptions = {}): void {
  const bound = bindBuffers(kernel, params, buffers), turns = new Turns()
  for (const b of kernel.shared ?? []) bound.set(b.name, turns.bind(b, kernel.name))
  const ints = new Map<string, number>(), registers = new Map<string, number>()
  const slot = (slots: Map<string, number>, name: string): number => {
    const known = slots.get(name)
    if (known !== undefined) return known
    slots.set(name, slots.size)
    return slots.size - 1
  }
  const scope: Scope = {
    kernel: kernel.name,
    round: options.roundF32 !== false,
    intSlot: (name) => slot(ints, name),
    registerSlot: (name) => slot(registers, name),
    buffer: (name) => bound.get(name) ?? unknown(kernel, `buffer ${name}`),
  }
  const frame: Frame = { ints: [], registers: [] }
  for (const p of kernel.params) frame.ints[slot(ints, p)] = params[p] ?? unknown(kernel, `parameter ${p}`)
  compileBody(spellFolds(kernel).body, scope, turns)(frame)
}

function unknown(kernel: Kernel, what: string): never {
  throw new IngotError('verify-kernel', `kernel ${kernel.name} uses ${what}, which is not given`, { where: { origin: kernel.name } })
}

function bindBuffers(kernel: Kernel, params: Readonly<Record<string, number>>, buffers: Readonly<Record<string, TensorStorage>>): Map<string, BoundBuffer> {
  return new Map(kernel.buffers.map((b) => {
    const data = buffers[b.name] ?? unknown(kernel, `buffer ${b.name}`)
    const length = evaluateDim(b.length, (s) => params[s] ?? unknown(kernel, `parameter ${s}`))
    const array = DTYPES[b.dtype].array
    if (array !== null && !(data instanceof array)) throw new IngotError('verify-kernel', `kernel ${kernel.name}: ${b.name} is ${b.dtype} and needs a ${array.name}`)
    if (data.length < length) throw new IngotError('verify-kernel', `kernel ${kernel.name}: ${b.name} needs ${length} elements (${printDim(b.length)}) and is given ${data.length}`)
    return [b.name, { name: b.name, dtype: b.dtype, data, length }]
  }))
}

function compileBody(body: readonly Stmt[], scope: Scope, turns: Turns): Run {
  const runs = body.map((s) => compileStmt(s, scope, turns))
  if (runs.length === 1) return runs[0] as Run
  return (frame) => { for (const run of runs) run(frame) }
}

function compileStmt(s: Stmt, scope: Scope, turns: Turns): Run {
  const body = (inner: readonly Stmt[]): Run => compileBody(inner, scope, turns)
  switch (s.kind) {
    case 'for': return s.local === true ? compileLocal(s, scope, turns, body) : compileFor(s.variable, compileDim(s.lo, scope), compileDim(s.hi, scope), s.step, body(s.body), scope)
    case 'barrier': case 'fold': return () => { throw new IngotError('verify-kernel', `kernel ${scope.kernel} has a ${s.kind} outside local loops`, { where: { origin: scope.kernel } }) }
    case 'index': { const slot = scope.intSlot(s.name), value = compileDim(s.value, scope); return (f) => { f.ints[slot] = value(f) } }
    case 'data-index': return compileDataIndex(s, scope)
    case 'let': case 'var': case 'set': { const slot = scope.registerSlot(s.name), value = compileExpr(s.value, scope); return (f) => { f.registers[slot] = value(f) } }
    case 'set-all': {
      const values: Evaluate<Register>[] = s.sets.map((t) => compileExpr(t.value, scope)), slots = s.sets.map((t) => scope.registerSlot(t.name))
      return (f) => { const next = values.map((v) => v(f)); slots.forEach((slot, i) => { f.registers[slot] = next[i] as Register }) }
    }
    case 'store': {
      const buffer = scope.buffer(s.buffer), value = compileExpr(s.value, scope)
      if (isVector(typeOfExpr(s.value, (name) => scope.buffer(name).dtype))) return compileVectorStore(buffer, s.index, value, scope)
      return compileStore(buffer, s.index, value as Evaluate<Scalar>, scope)
    }
    case 'if': {
      const condition = compileExpr(s.condition, scope), then = body(s.then), otherwise = body(s.else)
      return (f) => { if (condition(f) !== 0) then(f); else otherwise(f) }
    }
  }
}

function compileFor(variable: string, lo: Evaluate<number>, hi: Evaluate<number>, step: number, run: Run, scope: Scope): Run {
  const slot = scope.intSlot(variable)
  return (f) => {
    const end = hi(f)
    for (let i = lo(f); i < end; i += step) { f.ints[slot] = i; run(f) }
  }
}

function compileDataIndex(s: Extract<Stmt, { kind: 'data-index' }>, scope: Scope): Run {
  const slot = scope.intSlot(s.name), value = compileExpr(s.value, scope) as Evaluate<Scalar>, extent = compileDim(s.extent, scope)
  return (f) => {
    const n = extent(f), raw = Number(value(f)), i = raw < 0 ? raw + n : raw
    if (!(i >= 0 && i < n)) throw new IngotError('index-out-of-range', `kernel ${scope.kernel} reads index ${raw} for an extent of ${n}`, { where: { origin: scope.kernel }, hint: `indices must be in [${-n}, ${n - 1}]` })
    f.ints[slot] = i
  }
}
