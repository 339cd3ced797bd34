/**
 * Stores of single lanes that lie side by side become stores of vectors: where a tile is read along one axis and written along
 * another (a transposition), four vectors in are four vectors out.
 *
 *   y[p] = lane0(a)   y[p + 1] = lane0(b)   y[p + 2] = lane1(a)   y[p + 3] = lane1(b)   ⇒   y[p]:4 = vector(lane0(a), lane0(b), lane1(a), lane1(b))
 */
import { add, dimKey } from '../../ir/dims.js'
import { LANES, VECTOR_DTYPES } from '../../ir/kernel/expr.js'
import { termsOf } from '../../ir/kernel/ranges.js'
import type { ValueNode, ValueTable } from './values.js'
import type { Pending } from './writer.js'

type Store = Extract<Pending, { kind: 'store' }>
type Placed = { readonly store: Store; readonly at: number }

/** `pending` with stores of lanes, and of numbers, combined where four stand side by side; as it is where two may store to the same place, or with anything but stores. */
export function combineStores(pending: readonly Pending[], values: ValueTable): readonly Pending[] {
  const stores = pending.filter((p): p is Store => p.kind === 'store' && VECTOR_DTYPES.has(values.dtypeOf(p.buffer)))
  if (stores.length < pending.length || stores.length < LANES || !stores.some((s) => isLane(s.value))) return pending
  const groups = new Map<string, Placed[]>()
  for (const store of stores) {
    const terms = termsOf(store.index), at = terms.find((t) => t.atoms.length === 0)?.coefficient ?? 0
    const key = `${store.buffer} ${dimKey(add(store.index, -at))}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [{ store, at }])
    else group.push({ store, at })
  }
  const sorted = [...groups.values()].map((g) => g.sort((a, b) => a.at - b.at))
  if (sorted.some((g) => g.some((s, i) => g[i + 1]?.at === s.at))) return pending
  return sorted.flatMap((g) => inVectors(g, values))
}

function inVectors(group: readonly Placed[], values: ValueTable): readonly Pending[] {
  const out: Pending[] = []
  for (let i = 0; i < group.length;) {
    const { store, at } = group[i] as Placed, four = group.slice(i, i + LANES)
    const fits = four.length === LANES && four.every((s, k) => s.at === at + k && isLane(s.store.value))
    out.push(fits ? { ...store, value: values.spread(values.join(four.map((s) => s.store.value))) } : store)
    i += fits ? LANES : 1
  }
  return out
}

const isLane = (value: ValueNode): boolean => value.shell.kind === 'lane' || value.shell.kind === 'const'
