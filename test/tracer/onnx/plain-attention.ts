/** Attention by its definition, one query after another, on arrays of numbers. */

/** Rows of one head: [rows][size]. */
export type Rows = readonly (readonly number[])[]

export interface PlainAttention {
  readonly q: Rows
  readonly k: Rows
  readonly v: Rows
  readonly scale: number
  /** Changes the score of query `i` and key `j`; -∞ hides the key. */
  readonly score?: (score: number, i: number, j: number) => number
  /** The score of one more key, whose value is 0. */
  readonly sink?: number
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0)

/** The results of one head: [queries][size of a value]. */
export function plainAttention({ q, k, v, scale, score = (s) => s, sink }: PlainAttention): Rows {
  return q.map((query, i) => {
    const scores = k.map((key, j) => score(scale * dot(query, key), i, j)), peak = Math.max(...scores, sink ?? -Infinity)
    const weights = scores.map((s) => Math.exp(s - peak)), sum = weights.reduce((a, b) => a + b, 0) + (sink === undefined ? 0 : Math.exp(sink - peak))
    return (v[0] as readonly number[]).map((_, d) => weights.reduce((total, w, j) => total + w * ((v[j] as readonly number[])[d] as number), 0) / sum)
  })
}

/** Head `head` of sequence `batch` in [batch, rows, features], of which it has `size` from `offset` on: [rows][size]. */
export const headOf = (data: readonly number[], rows: number, features: number, batch: number, offset: number, size: number): Rows =>
  Array.from({ length: rows }, (_, i) => data.slice((batch * rows + i) * features + offset, (batch * rows + i) * features + offset + size))

/** Head `head` of sequence `batch` in [batch, heads, rows, size]: [rows][size]. */
export const cachedHead = (data: readonly number[], heads: number, rows: number, size: number, batch: number, head: number): Rows =>
  Array.from({ length: rows }, (_, i) => { const at = ((batch * heads + head) * rows + i) * size; return data.slice(at, at + size) })

/** Results by batch and head as [batch, rows, heads·size]. */
export const merged = (results: readonly (readonly Rows[])[]): number[] =>
  results.flatMap((heads) => (heads[0] as Rows).flatMap((_, i) => heads.flatMap((rows) => rows[i] as readonly number[])))
