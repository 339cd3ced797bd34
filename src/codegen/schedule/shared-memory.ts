/** A kernel with shared memory while it is written. */
import { dimKey, product, type Dim } from '../../ir/dims.js'
import type { Compute } from '../../ir/kernel/compute.js'
import { HELD_AS, isVector, LANES, REGISTER, vectorOf, type RegisterType } from '../../ir/kernel/expr.js'
import type { Fold, Kernel, SharedBuffer } from '../../ir/kernel/kernel.js'
import type { Work } from './points.js'
import { ValueTable, type ValueNode } from './values.js'
import { KernelWriter } from './writer.js'

export class SharedMemory {
  readonly work: Work
  readonly #buffers: SharedBuffer[] = []

  constructor(compute: Compute, params: readonly string[]) {
    const written = new Set(compute.stages.flatMap((s) => (s.kind === 'store' ? [s.buffer] : [])))
    this.work = { writer: new KernelWriter([...params, ...compute.buffers.map((b) => b.name)]), values: new ValueTable(compute.buffers, [...written]), madd: false, together: 1 }
  }

  /** A buffer of registers of a type, under a name near to `wish`. */
  add(wish: string, type: RegisterType, length: number): string {
    const { writer, values } = this.work, name = writer.fresh(wish), dtype = isVector(type) ? 'float32' : HELD_AS[type]
    this.#buffers.push({ name, dtype, length })
    values.addBuffer({ name, dtype, shape: [length], role: 'temp' })
    return name
  }

  barrier(): void {
    this.work.writer.barrier()
    this.work.values.touch()
  }

  /** What `value` of a workgroup's invocations, which are so many, folds to. */
  fold({ name: wish, combine }: { readonly name: string; readonly combine: Fold['op'] }, value: ValueNode, invocations: number): ValueNode {
    const { values, writer } = this.work, name = writer.fresh(`${wish}_all`)
    writer.fold({ name, op: combine, buffer: this.add(`${wish}_part`, 'f32', invocations) }, value)
    values.touch()
    return values.register(name, 'f32', writer.depth)
  }

  /** The register at `index`, or the vector of four from there on, as it is now. */
  load(buffer: string, index: Dim, lanes?: typeof LANES): ValueNode {
    const { values, writer } = this.work, type = REGISTER[values.dtypeOf(buffer)]
    return values.intern(`s:${buffer}:${lanes ?? ''}:${dimKey(index)}:${values.ages()}@${writer.depth}`, {
      shell: { kind: 'load', buffer, index: [index], ...(lanes !== undefined && { lanes }) }, operands: [], type: lanes === undefined ? type : vectorOf(type), dims: [index], safe: false, pinned: writer.depth,
    })
  }

  /** The kernel of all that was written. */
  kernel(name: string, compute: Compute, params: readonly string[]): Kernel {
    const buffers = compute.buffers.map((b) => ({ name: b.name, dtype: b.dtype, length: product(b.shape), role: b.role }))
    return { name, params, buffers, ...(this.#buffers.length > 0 && { shared: this.#buffers }), body: this.work.writer.finish() }
  }
}
