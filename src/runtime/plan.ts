/**
 * The memory plan: where in the arena each buffer lives, given its bytes and its lifetime in steps. Greedy by size: the
 * largest first, each into the tightest gap between those already placed whose lifetimes meet its own (Pisarchyk and Lee,
 * "Efficient memory management for deep neural net inference", 2020), tried in two more orders where that is not yet tight.
 */

/** A buffer to place; it is live from step `first` to step `last`, both inclusive. */
export interface PlanItem { readonly bytes: number; readonly first: number; readonly last: number }

/** `offsets[i]` belongs to item i; all are multiples of 64. `total` is the arena's bytes. */
export interface Plan { readonly offsets: number[]; readonly total: number }

/** Above this many items one order has to do: placing is quadratic in the worst case. */
const MANY = 4000

const align64 = (n: number): number => Math.ceil(n / 64) * 64
const duration = (item: PlanItem): number => item.last - item.first + 1

/** Places `items` so that no two that are live in the same step overlap. Deterministic. Items of 0 bytes are at 0. */
export function planOffsets(items: readonly PlanItem[]): Plan {
  const padded = items.map((item) => ({ ...item, bytes: align64(item.bytes) }))
  const live = padded.map((_, i) => i).filter((i) => (padded[i] as PlanItem).bytes > 0)
  const bound = liveLowerBound(items)
  const orders: ((a: PlanItem, b: PlanItem) => number)[] = [
    (a, b) => b.bytes - a.bytes || duration(b) - duration(a),
    (a, b) => b.bytes * duration(b) - a.bytes * duration(a) || b.bytes - a.bytes,
    (a, b) => duration(b) - duration(a) || b.bytes - a.bytes,
  ]
  let best: Plan = { offsets: [], total: Infinity }
  for (const order of live.length > MANY ? orders.slice(0, 1) : orders) {
    const plan = place(padded, live.toSorted((i, j) => order(padded[i] as PlanItem, padded[j] as PlanItem) || i - j))
    if (plan.total < best.total) best = plan
    if (best.total <= bound) break
  }
  return best
}

/** Best fit, in the given order of item numbers. */
function place(items: readonly PlanItem[], order: readonly number[]): Plan {
  const offsets = new Array<number>(items.length).fill(0)
  const placed = neighbourhood(items, order, offsets)
  let total = 0
  for (const i of order) {
    const { bytes, first, last } = items[i] as PlanItem
    let at = -1, gap = Infinity, end = 0
    for (const j of placed.near(first, last)) {
      const other = items[j] as PlanItem
      if (other.first > last || other.last < first) continue
      const start = offsets[j] as number
      if (start - end >= bytes && start - end < gap) { at = end; gap = start - end }
      end = Math.max(end, start + other.bytes)
    }
    if (at < 0) at = end
    offsets[i] = at
    placed.add(i)
    total = Math.max(total, at + bytes)
  }
  return { offsets, total }
}

/** Placed items; `near` gives, in order of their offsets, at least those that are live somewhere in `first` … `last`. */
interface Neighbourhood { near(first: number, last: number): readonly number[]; add(i: number): void }

function neighbourhood(items: readonly PlanItem[], order: readonly number[], offsets: readonly number[]): Neighbourhood {
  let begin = Infinity, end = -Infinity, lived = 0
  for (const i of order) {
    const item = items[i] as PlanItem
    begin = Math.min(begin, item.first)
    end = Math.max(end, item.last)
    lived += duration(item)
  }
  // Collecting and sorting a few neighbours beats scanning everything only while few are live at a time.
  return (lived / (end - begin + 1)) * 16 < order.length ? timeGrid(items, offsets) : sortedList(offsets)
}

function sortedList(offsets: readonly number[]): Neighbourhood {
  const list: number[] = []
  return {
    near: () => list,
    add(i) {
      let low = 0
      for (let high = list.length; low < high;) {
        const middle = (low + high) >> 1
        if ((offsets[list[middle] as number] as number) <= (offsets[i] as number)) low = middle + 1
        else high = middle
      }
      list.splice(low, 0, i)
    },
  }
}

/** Cells of 2^level steps: an item is in the cell of its first step, at the level where it reaches at most into the next cell. */
function timeGrid(items: readonly PlanItem[], offsets: readonly number[]): Neighbourhood {
  const levels: Map<number, number[]>[] = []
  return {
    near(first, last) {
      const found: number[] = []
      levels.forEach((cells, level) => {
        if (cells.size === 0) return
        const size = 2 ** level
        for (let cell = Math.floor(first / size) - 1, end = Math.floor(last / size); cell <= end; cell++) for (const i of cells.get(cell) ?? []) found.push(i)
      })
      return found.sort((i, j) => (offsets[i] as number) - (offsets[j] as number))
    },
    add(i) {
      const item = items[i] as PlanItem
      const level = Math.ceil(Math.log2(duration(item)))
      while (levels.length <= level) levels.push(new Map())
      const cell = Math.floor(item.first / 2 ** level)
      const members = levels[level]?.get(cell)
      if (members === undefined) levels[level]?.set(cell, [i])
      else members.push(i)
    },
  }
}

/** The most bytes that are live in one step, each item rounded up to 64: no plan can need less. */
export function liveLowerBound(items: readonly PlanItem[]): number {
  const begins = items.toSorted((a, b) => a.first - b.first)
  const finishes = items.toSorted((a, b) => a.last - b.last)
  let live = 0, most = 0, done = 0
  for (const item of begins) {
    for (let out = finishes[done]; out !== undefined && out.last < item.first; out = finishes[++done]) live -= align64(out.bytes)
    live += align64(item.bytes)
    most = Math.max(most, live)
  }
  return most
}
