/** Nested arrays and objects of tensors, which traced functions, branches and loop bodies take and return. */
import { IngotError } from '../base/error.js'
import { Tensor } from './tensor.js'

/** A tensor, or arrays and plain objects of such. */
export type TensorTree = Tensor | readonly TensorTree[] | { readonly [key: string]: TensorTree }

/** A leaf and the keys that lead to it. */
export interface Leaf<T> { readonly path: readonly (string | number)[]; readonly value: T }

const isPlain = (x: unknown): x is Readonly<Record<string, unknown>> => typeof x === 'object' && x !== null && [Object.prototype, null].includes(Object.getPrototypeOf(x) as object | null)

/** The tensors of a tree in order. Throws `trace-output` for anything else in it; `what` says whose tree it is. */
export function leavesOf(tree: unknown, what: string, origin: string, path: readonly (string | number)[] = []): Leaf<Tensor>[] {
  if (tree instanceof Tensor) return [{ path, value: tree }]
  if (Array.isArray(tree)) return tree.flatMap((x, i) => leavesOf(x, what, origin, [...path, i]))
  if (isPlain(tree)) return Object.entries(tree).flatMap(([key, x]) => leavesOf(x, what, origin, [...path, key]))
  const place = path.length === 0 ? '' : ` at ${path.join('.')}`
  throw new IngotError('trace-output', `${what} returned ${describe(tree)}${place}, and only tensors, and arrays and objects of them, can be returned`, {
    where: { origin }, ...(isThenable(tree) && { hint: 'a traced function runs synchronously: load what it needs before' }),
  })
}

/** `tree` with other tensors in the places of its own. */
export function mapTree(tree: TensorTree, change: (t: Tensor, path: readonly (string | number)[]) => Tensor, path: readonly (string | number)[] = []): TensorTree {
  if (tree instanceof Tensor) return change(tree, path)
  if (Array.isArray(tree)) return (tree as readonly TensorTree[]).map((x, i) => mapTree(x, change, [...path, i]))
  return Object.fromEntries(Object.entries(tree as Readonly<Record<string, TensorTree>>).map(([key, x]) => [key, mapTree(x, change, [...path, key])]))
}

/** True for what `await` waits for. */
export function isThenable(x: unknown): x is PromiseLike<unknown> {
  return typeof x === 'object' && x !== null && typeof (x as { readonly then?: unknown }).then === 'function'
}

function describe(x: unknown): string {
  if (x === null || x === undefined) return String(x)
  if (isThenable(x)) return 'a promise'
  return typeof x === 'object' ? `a ${x.constructor?.name ?? 'object'}` : typeof x === 'function' ? 'a function' : `the ${typeof x} ${String(x)}`
}
