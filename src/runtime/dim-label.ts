import type { Dim } from '../base/dim.js'

/** A dim as messages show it: `seq`, `(past + seq)`, `floordiv(h, 2)`. */
export function dimLabel(dim: Dim): string {
  if (typeof dim !== 'object') return String(dim)
  const operands = (dim.slice(1) as Dim[]).map(dimLabel)
  return dim[0] === '+' || dim[0] === '*' ? `(${operands.join(` ${dim[0]} `)})` : `${dim[0]}(${operands.join(', ')})`
}

/** A shape as messages show it: `[batch, 3, 224, 224]`. */
export const shapeLabel = (shape: readonly Dim[]): string => `[${shape.map(dimLabel).join(', ')}]`
