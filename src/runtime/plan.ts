/**
 * The memory plan: where in the arena each buffer lives, given its bytes and its lifetime in steps. Greedy by size: the
 * largest first, each into the tightest gap between those already placed whose lifetimes meet its own (Pisarchyk and Lee,
 * "Efficient memory management for deep neural net inference", 2020). Where that misses the lower bound, the item that
 * sticks out at the top goes first in another try: it is the one that the others left no room for. After some of these the
 * same from another order: by bytes times steps, then by steps.
 */

/** A buffer to place; it is live from step `first` to step `last`, both inclusive. */
export interface PlanItem { readonly bytes: number; readonly first: number; readonly last: number }

/** `offsets[i]` belongs to item i; all are multiples of 64. `total` is the arena's bytes. */
export interface Plan { readonly offsets: number[]; readonly total: number }

/** Above this many items one try has to do. */
const MANY = 4000

/** The bytes that `bytes` take in the arena, whose buffers begin at multiples of 64. */
export const align64 = (bytes: number): number => Math.ceil(bytes / 64) * 64

/** Buffers that are bound to shaders begin at multiples of this: WebGPU's greatest `minStorageBufferOffsetAlignment`. */
export const GPU_ALIGNMENT = 256

/** The bytes that a buffer takes in the arena of a GPU, where none may be empty or share its place with another. */
export const gpuBytes = (bytes: number): number => Math.max(1, Math.ceil(bytes / GPU_ALIGNMENT)) * GPU_ALIGNMENT

/** Places `items` so that no two that are live in the same step overlap. Deterministic. */
export function planOffsets(items: readonly PlanItem[]): Plan {
  const padded = items.map(({ bytes, first, last }) => ({ bytes: align64(bytes), first, last }))
  const at = (i: number): PlanItem => padded[i] as PlanItem
  const bound = liveLowerBound(items)
  let total = 0
  const offsets = padded.map(({ bytes }) => (total += bytes) - bytes)
  // One after the other is best where all live at once, and what every try is measured against.
  let best: Plan = { offsets, total }
  const span = (i: number): number => at(i).last - at(i).first + 1
  for (const weight of [(i: number) => at(i).bytes, (i: number) => at(i).bytes * span(i), span]) {
    let order = padded.map((_, i) => i).sort((i, j) => weight(j) - weight(i) || at(j).bytes - at(i).bytes || span(j) - span(i) || i - j)
    // A try takes quadratic time, so there are many only of small plans.
    for (let left = Math.min(50, 1e6 / items.length ** 2); left > 0 && best.total > bound; left--) {
      const { top, ...plan } = place(padded, order)
      if (plan.total < best.total) best = plan
      order = [top, ...order.filter((i) => i !== top)]
    }
    if (items.length > MANY) break
  }
  return best
}

/** Best fit, in the given order of item numbers. `top` is the item that ends last in the arena. */
function place(items: readonly PlanItem[], order: readonly number[]): Plan & { readonly top: number } {
  const firsts = Int32Array.from(items, (item) => item.first), lasts = Int32Array.from(items, (item) => item.last), sizes = Float64Array.from(items, (item) => item.bytes)
  const offsets = new Array<number>(items.length).fill(0)
  const listsFor = neighbourhood(firsts, lasts)
  let total = 0, top = 0
  for (const i of order) {
    const bytes = sizes[i] as number, first = firsts[i] as number, last = lasts[i] as number
    const [near, ...lists] = listsFor(first, last)
    let at = -1, gap = Infinity, end = 0
    for (const j of near as number[]) {
      if ((firsts[j] as number) > last || (lasts[j] as number) < first) continue
      const start = offsets[j] as number
      if (start - end >= bytes && start - end < gap) { at = end; gap = start - end }
      end = Math.max(end, start + (sizes[j] as number))
    }
    if (at < 0) at = end
    offsets[i] = at
    for (const list of lists) insert(list, i, offsets)
    if (at + bytes > total) { total = at + bytes; top = i }
  }
  return { offsets, total, top }
}

/** Keeps `list` in the order of offsets. */
function insert(list: number[], item: number, offsets: readonly number[]): void {
  let low = 0
  for (let high = list.length; low < high;) {
    const middle = (low + high) >> 1
    if ((offsets[list[middle] as number] as number) <= (offsets[item] as number)) low = middle + 1
    else high = middle
  }
  list.splice(low, 0, item)
}

/**
 * Lists of placed items for a lifetime: first the one that holds all it may meet, then those that have to hear of it. There
 * is one list for all time and, where only few items are live at a time, one for each of many equal spans.
 */
function neighbourhood(firsts: Int32Array, lasts: Int32Array): (first: number, last: number) => number[][] {
  const begin = firsts.reduce((a, b) => Math.min(a, b), 0), span = lasts.reduce((a, b) => Math.max(a, b), 0) - begin + 1
  const lived = lasts.reduce((sum, last, i) => sum + last - (firsts[i] as number) + 1, 0)
  const count = lived < 16 * span ? 1 + (firsts.length >> 7) : 1
  const all: number[] = [], spans = Array.from({ length: count }, (): number[] => [])
  const spanOf = (step: number): number => Math.floor(((step - begin) / span) * count)
  return (first, last) => {
    const own = spans.slice(spanOf(first), spanOf(last) + 1)
    return [own.length === 1 ? (own[0] as number[]) : all, all, ...own]
  }
}

/** The most bytes that are live in one step, each item rounded up to 64: no plan can need less. */
export function liveLowerBound(items: readonly PlanItem[]): number {
  const changes = new Map<number, number>()
  const change = (step: number, bytes: number): void => { changes.set(step, (changes.get(step) ?? 0) + bytes) }
  for (const { bytes, first, last } of items) {
    change(first, align64(bytes))
    change(last + 1, -align64(bytes))
  }
  let live = 0, most = 0
  for (const [, bytes] of [...changes].sort(([a], [b]) => a - b)) most = Math.max(most, (live += bytes))
  return most
}
