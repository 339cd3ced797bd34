/**
 * Local loops as the kernel interpreter runs them: the invocations of a workgroup take turns, each as far as the next barrier.
 * Shared memory remembers who touched what since the last barrier, so that a kernel which lacks one fails, whatever the order.
 */
import { IngotError } from '../../base/error.js'
import { allocate, DTYPES } from '../../base/dtype.js'
import type { BoundBuffer, Evaluate, Frame, Scope } from './interpret-expr.js'
import { compileDim, compileExpr } from './interpret-expr.js'
import type { SharedBuffer, Stmt } from './kernel.js'
import { childrenOf } from './walk.js'

type Run = (frame: Frame) => void
/** Runs statements for all invocations. */
type RunAll = (frames: readonly Frame[]) => void

/** Several invocations read the element. */
const MANY = -2

/** Whose turn it is, in all shared buffers of a kernel. */
export class Turns {
  invocation = 0
  /** Counts barriers. */
  phase = 1
  readonly #buffers: BoundBuffer[] = []

  /** Memory for a shared buffer that throws `verify-kernel` where two invocations touch an element between two barriers and one of them writes it. */
  bind({ name, dtype, length }: SharedBuffer, kernel: string): BoundBuffer {
    const writers = new Int32Array(length), writtenAt = new Int32Array(length), readers = new Int32Array(length), readAt = new Int32Array(length)
    const guard = (first: number, lanes: number, writes: boolean): void => {
      for (let i = first; i < first + lanes; i++) {
        const others = (writtenAt[i] === this.phase && writers[i] !== this.invocation) || (writes && readAt[i] === this.phase && readers[i] !== this.invocation)
        if (others) throw new IngotError('verify-kernel', `kernel ${kernel}: invocation ${this.invocation} ${writes ? 'writes' : 'reads'} ${name}[${i}], which another one touches without a barrier between`, { where: { origin: kernel } })
        if (writes) { writers[i] = this.invocation; writtenAt[i] = this.phase } else if (readAt[i] !== this.phase) { readers[i] = this.invocation; readAt[i] = this.phase } else if (readers[i] !== this.invocation) readers[i] = MANY
      }
    }
    const buffer: BoundBuffer = { name, dtype, data: allocate(dtype, length), length, guard }
    this.#buffers.push(buffer)
    return buffer
  }

  /** A workgroup begins: what the last one left is gone. */
  begin(): void {
    this.phase++
    for (const { data, dtype } of this.#buffers) if (DTYPES[dtype].kind === 'float') (data as Float32Array).fill(NaN)
  }
}

const hasBarrier = (s: Stmt): boolean => s.kind === 'barrier' || childrenOf(s).some((body) => body.some(hasBarrier))

/** A local loop. `compile` compiles statements without barriers. */
export function compileLocal(s: Extract<Stmt, { kind: 'for' }>, scope: Scope, turns: Turns, compile: (body: readonly Stmt[]) => Run): Run {
  const slot = scope.intSlot(s.variable), lo = compileDim(s.lo, scope), hi = compileDim(s.hi, scope), all = compileAll(s.body, scope, turns, compile)
  return (f) => {
    turns.begin()
    const frames: Frame[] = []
    for (let i = lo(f); i < hi(f); i += s.step) {
      const frame: Frame = { ints: [...f.ints], registers: [...f.registers] }
      frame.ints[slot] = i
      frames.push(frame)
    }
    all(frames)
  }
}

function compileAll(body: readonly Stmt[], scope: Scope, turns: Turns, compile: (body: readonly Stmt[]) => Run): RunAll {
  const parts: RunAll[] = []
  for (let at = 0; at < body.length;) {
    const s = body[at] as Stmt
    let end = at
    while (end < body.length && !hasBarrier(body[end] as Stmt)) end++
    if (end > at) {
      const run = compile(body.slice(at, end))
      parts.push((frames) => frames.forEach((f, i) => { turns.invocation = i; run(f) }))
      at = end
    } else { parts.push(compileTogether(s, scope, turns, compile)); at++ }
  }
  return (frames) => { for (const part of parts) part(frames) }
}

/** A statement that is a barrier or has one inside: all invocations go the same way. */
function compileTogether(s: Stmt, scope: Scope, turns: Turns, compile: (body: readonly Stmt[]) => Run): RunAll {
  const same = (frames: readonly Frame[], value: Evaluate<unknown>, what: string): unknown => {
    const [first, ...others] = frames.map((f, i) => { turns.invocation = i; return value(f) })
    if (others.some((x) => x !== first)) throw new IngotError('verify-kernel', `kernel ${scope.kernel}: invocations differ in ${what} around a barrier`, { where: { origin: scope.kernel } })
    return first
  }
  if (s.kind === 'for') {
    const slot = scope.intSlot(s.variable), lo = compileDim(s.lo, scope), hi = compileDim(s.hi, scope), body = compileAll(s.body, scope, turns, compile)
    return (frames) => {
      const end = same(frames, hi, 'the end of a loop') as number
      for (let i = same(frames, lo, 'the start of a loop') as number; i < end; i += s.step) { for (const f of frames) f.ints[slot] = i; body(frames) }
    }
  }
  if (s.kind === 'if') {
    const condition = compileExpr(s.condition, scope), then = compileAll(s.then, scope, turns, compile), otherwise = compileAll(s.else, scope, turns, compile)
    return (frames) => { if (same(frames, condition, 'a condition') !== 0) then(frames); else otherwise(frames) }
  }
  return () => { turns.phase++ }
}
