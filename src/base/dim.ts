/**
 * Dims as plain data. An extent (or a kernel index) is a number, the name of a symbol, or an operation on such:
 * `['+', 'past', 'seq']`, `['floordiv', ['+', 'h', 1], 2]`. All arithmetic is on integers; `floordiv` and `mod` round to
 * minus infinity; `select` gives its second operand where the first is not 0, else its third; `eq` and `lt` give 0 or 1.
 * Build them with the simplifying functions of `ir/dims.ts`; equal canonical forms are equal expressions.
 */
export type DimOp = '+' | '*' | 'floordiv' | 'mod' | 'min' | 'max' | 'eq' | 'lt' | 'select'
export type DimExpr = readonly [DimOp, ...Dim[]]
export type Dim = number | string | DimExpr

/** The value of `dim` where `valueOf` gives each symbol's; NaN never arises unless `valueOf` returns it. */
export function evaluateDim(dim: Dim, valueOf: (symbol: string) => number): number {
  if (typeof dim === 'number') return dim
  if (typeof dim === 'string') return valueOf(dim)
  const at = (i: number): number => evaluateDim(dim[i] as Dim, valueOf)
  switch (dim[0]) {
    case '+': case '*': case 'min': case 'max': {
      const op = dim[0]
      let r = at(1)
      for (let i = 2; i < dim.length; i++) { const n = at(i); r = op === '+' ? r + n : op === '*' ? r * n : Math[op](r, n) }
      return r
    }
    case 'floordiv': return Math.floor(at(1) / at(2))
    case 'mod': { const b = at(2); return ((at(1) % b) + b) % b }
    case 'eq': return at(1) === at(2) ? 1 : 0
    case 'lt': return at(1) < at(2) ? 1 : 0
    case 'select': return at(1) !== 0 ? at(2) : at(3)
  }
}

/** Calls `visit` once for every occurrence of a symbol in `dim`. */
export function visitSymbols(dim: Dim, visit: (symbol: string) => void): void {
  if (typeof dim === 'string') visit(dim)
  else if (typeof dim === 'object') for (let i = 1; i < dim.length; i++) visitSymbols(dim[i] as Dim, visit)
}
