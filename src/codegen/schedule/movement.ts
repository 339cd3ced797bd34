/** How far apart in memory neighbouring points read and write, and the loads whose elements are neighbours along another axis than what is stored. */
import { visitSymbols } from '../../base/dim.js'
import { add, dimKey, mul, product, sub, substituteDim, type Dim } from '../../ir/dims.js'
import type { Compute } from '../../ir/kernel/compute.js'
import type { Expr } from '../../ir/kernel/expr.js'
import { dimsOf, rootsOf, visitExprs } from '../../ir/kernel/walk.js'

/** An expression that reads an element. */
export type Load = Extract<Expr, { kind: 'load' }>

/** The same for loads of the same element. */
export const loadKey = (load: Pick<Load, 'buffer' | 'index'>): string => `${load.buffer}[${load.index.map(dimKey).join()}]`

/** How the accesses of a compute move along its outer axes. */
export class Movement {
  readonly #compute: Compute
  /** By the name of a let, the axes that its value depends on. */
  readonly #axesOfLets = new Map<string, ReadonlySet<string>>()

  constructor(compute: Compute) {
    this.#compute = compute
    for (const s of compute.stages) for (const l of s.lets) {
      const axes = new Set<string>()
      visitExprs([l.value], (e) => {
        for (const d of dimsOf(e)) for (const axis of this.axesOf(d)) axes.add(axis)
        if (e.kind === 'local') for (const axis of this.#axesOfLets.get(e.name) ?? []) axes.add(axis)
      })
      this.#axesOfLets.set(l.name, axes)
    }
  }

  /** The axes on which `dim` depends, also by indices that are read from data. */
  axesOf(dim: Dim): ReadonlySet<string> {
    const axes = new Set<string>()
    visitSymbols(dim, (s) => {
      if (this.#compute.axes.some((a) => a.name === s)) axes.add(s)
      for (const axis of this.#axesOfLets.get(s) ?? []) axes.add(axis)
    })
    return axes
  }

  /** The row-major flat index of an access. */
  flatIndex({ buffer, index }: { readonly buffer: string; readonly index: readonly Dim[] }): Dim {
    const shape = this.#compute.buffers.find((b) => b.name === buffer)?.shape ?? []
    return add(0, ...index.map((d, i) => mul(d, product(shape.slice(i + 1)))))
  }

  /** Elements from one point of `axis` to the next; null where data says how many, undefined where it is not the same everywhere. */
  step(flat: Dim, axis: string): Dim | null | undefined {
    let data = false
    visitSymbols(flat, (s) => { data ||= this.#axesOfLets.get(s)?.has(axis) === true })
    if (data) return null
    const step = sub(substituteDim(flat, (s) => (s === axis ? add(axis, 1) : undefined)), flat)
    return this.axesOf(step).size > 0 ? undefined : step
  }

  /** The loads that move along `written`, by more than one element; each element once. */
  distant(written: string): readonly Load[] {
    const found = new Map<string, Load>()
    visitExprs(this.#compute.stages.flatMap(rootsOf), (e) => {
      if (e.kind !== 'load') return
      const step = this.step(this.flatIndex(e), written)
      if (step !== undefined && step !== 0 && step !== 1 && step !== -1) found.set(loadKey(e), e)
    })
    return [...found.values()]
  }

  /** Of these, those that have their neighbours along `read`. */
  distantAlong(written: string, read: string): readonly Load[] {
    return this.distant(written).filter((e) => this.step(this.flatIndex(e), read) === 1)
  }
}
