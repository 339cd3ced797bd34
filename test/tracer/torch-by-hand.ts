/** Attention and recurrences as PyTorch documents them, in plain loops over numbers: what the layers are held against. */

export type Matrix = readonly (readonly number[])[]

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, x, i) => s + x * (b[i] as number), 0)
/** w x + b. */
export const affine = (w: Matrix, x: readonly number[], b: readonly number[]): number[] => w.map((row, i) => dot(row, x) + (b[i] as number))

export interface Cell { readonly wih: Matrix; readonly whh: Matrix; readonly bih: readonly number[]; readonly bhh: readonly number[] }

/** h and c after each step of one sequence; gates stand as input, forget, cell, output. */
export function lstmSteps(cell: Cell, xs: Matrix, h0: readonly number[], c0: readonly number[]): { readonly h: number[]; readonly c: number[] }[] {
  const n = h0.length
  let h = [...h0], c = [...c0]
  return xs.map((x) => {
    const a = affine(cell.wih, x, cell.bih), b = affine(cell.whh, h, cell.bhh)
    const gate = (k: number, j: number): number => (a[k * n + j] as number) + (b[k * n + j] as number)
    c = c.map((old, j) => sigmoid(gate(1, j)) * old + sigmoid(gate(0, j)) * Math.tanh(gate(2, j)))
    h = c.map((now, j) => sigmoid(gate(3, j)) * Math.tanh(now))
    return { h, c }
  })
}

/** h after each step of one sequence; gates stand as reset, update, new. */
export function gruSteps(cell: Cell, xs: Matrix, h0: readonly number[]): number[][] {
  const n = h0.length
  let h = [...h0]
  return xs.map((x) => {
    const a = affine(cell.wih, x, cell.bih), b = affine(cell.whh, h, cell.bhh)
    h = h.map((old, j) => {
      const r = sigmoid((a[j] as number) + (b[j] as number)), z = sigmoid((a[n + j] as number) + (b[n + j] as number))
      return (1 - z) * Math.tanh((a[2 * n + j] as number) + r * (b[2 * n + j] as number)) + z * old
    })
    return h
  })
}

/** One sequence attended to by itself: rows of `w` and `b` are those of queries, keys and values. `hidden(i, j)`: query i does not see key j. */
export function attend(xs: Matrix, w: Matrix, b: readonly number[], wo: Matrix, bo: readonly number[], heads: number, hidden: (i: number, j: number) => boolean): number[][] {
  const n = wo.length, d = n / heads
  const part = (k: number): number[][] => xs.map((x) => affine(w.slice(k * n, (k + 1) * n), x, b.slice(k * n, (k + 1) * n)))
  const [q, k, v] = [part(0), part(1), part(2)] as const
  return q.map((row, i) => {
    const joined = Array.from({ length: heads }, (_, h) => {
      const of = (r: readonly number[]): readonly number[] => r.slice(h * d, (h + 1) * d)
      const powers = k.map((key, j) => (hidden(i, j) ? 0 : Math.exp(dot(of(row), of(key)) / Math.sqrt(d))))
      const total = powers.reduce((s, p) => s + p, 0)
      return Array.from({ length: d }, (_, f) => powers.reduce((s, p, j) => s + (p / total) * (v[j]?.[h * d + f] as number), 0))
    }).flat()
    return affine(wo, joined, bo)
  })
}
