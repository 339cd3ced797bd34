/**
 * specialize-shapes
 *
 * Goal: bake extents that the caller fixes into the graph.
 *
 *   with { x: [1, 3, 224, 224] }
 *   graph @m (x: float32[batch, 3, h, w]) …   ⇒   graph @m (x: float32[1, 3, 224, 224]) …
 *
 * Does not touch inputs that are not named; symbols that other inputs still declare become numbers everywhere.
 * Needs stage traced or later and keeps it; preserves bits.
 */
import { IngotError } from '../base/error.js'
import { evaluateDim, visitSymbols } from '../base/dim.js'
import { printDim, printShape } from '../ir/dims-text.js'
import type { Dim } from '../ir/dims.js'
import { tensorOf, type Constraint, type Graph, type InputShapes, type Value } from '../ir/graph.js'
import { SymbolSubstitution } from '../ir/substitute-symbols.js'

/** `graph` with the given inputs' extents fixed. Throws `bad-option` for an unknown input, and where a shape contradicts the declared one or another. */
export function specializeShapes(graph: Graph, shapes: InputShapes): Graph {
  const values = new Map<string, number>()
  for (const [name, shape] of Object.entries(shapes)) {
    const input = graph.inputs.find((v) => v.name === name)
    if (input === undefined) throw new IngotError('bad-option', `the model has no input '${name}'`, { hint: `its inputs are ${graph.inputs.map((v) => `'${v.name}'`).join(', ')}` })
    solveInput(input, shape, values)
  }
  if (values.size === 0) return graph
  const substitution = new SymbolSubstitution((s) => values.get(s))
  const out = substitution.graph(graph)
  return {
    ...out,
    symbols: graph.symbols.filter((s) => !values.has(s.name)),
    constraints: graph.constraints.flatMap((c) => remaining({ ...c, a: substitution.dim(c.a), b: substitution.dim(c.b) })),
  }
}

function solveInput(input: Value, shape: readonly (number | null)[], values: Map<string, number>): void {
  const declared = tensorOf(input).shape
  const contradiction = (why: string): never => {
    throw new IngotError('bad-option', `the shape ${printShape(shape.map((d) => d ?? '_'))} does not fit the input '${input.name}' of shape ${printShape(declared)}: ${why}`, { hint: 'give one extent for each of the declared ones, and the same for equal symbols' })
  }
  if (shape.length !== declared.length) contradiction(`it has ${shape.length} extents, not ${declared.length}`)
  declared.forEach((d, axis) => {
    const given = shape[axis] as number | null
    if (given === null) return
    if (!Number.isInteger(given) || given < 0) contradiction(`extent ${axis} is ${given}`)
    const known = typeof d === 'string' ? values.get(d) : knownValue(d, values)
    if (known === undefined && typeof d === 'string') values.set(d, given)
    else if (known !== undefined && known !== given) contradiction(`extent ${axis}, ${printDim(d)}, is ${known}`)
  })
}

function knownValue(d: Dim, values: ReadonlyMap<string, number>): number | undefined {
  let known = true
  visitSymbols(d, (s) => { known &&= values.has(s) })
  return known ? evaluateDim(d, (s) => values.get(s) as number) : undefined
}

function remaining(c: Constraint): readonly Constraint[] {
  if (typeof c.a !== 'number' || typeof c.b !== 'number') return [c]
  if (c.kind === 'eq' ? c.a === c.b : c.a <= c.b) return []
  throw new IngotError('constraint-violated', `${c.a} must ${c.kind === 'eq' ? 'equal' : 'not exceed'} ${c.b}: ${c.why}`, { hint: 'choose other input shapes' })
}
