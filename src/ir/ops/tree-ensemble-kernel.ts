/**
 * The kernels of tree_ensemble. On a CPU a block of rows goes through a few trees at a time, whose nodes stay in the cache, and a row walks those trees
 * side by side, because each step waits for the one before it: leaves lead to themselves, so that no walk needs to know when it is over, and steps are
 * left out once all are. On a GPU an invocation has a row, and walks one tree after the other.
 */
import { add, ceilDiv, floorDiv, min, mul, sub, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import { binary, cast, indexValue, load, local, REGISTER, type Expr, type RegisterType } from '../kernel/expr.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { eachOf, indexFrom, indexIs, letBe, loopTo, setTo, storeTo, varOf, when } from '../kernel/statements.js'
import type { TensorType } from '../types.js'
import { greatest, least, minus, number, plus } from './expressions.js'
import { kernelOf } from './hand-written.js'

export const TREE_ENSEMBLE_ATTRS = { targets: 'int', depth: 'int', aggregate: 'string' } as const
export interface TreeEnsembleAttrs { readonly targets: number; readonly depth: number; readonly aggregate: string }

/** Columns of the table of nodes: the column of x that is compared, the node that follows where it is not greater, and the one where it is. */
export const NODE_COLUMNS = 3

/** What folds votes, and what it starts from. */
export const AGGREGATES: Readonly<Record<string, { readonly start: number; readonly fold: (a: Expr, b: Expr) => Expr; readonly of: (a: number, b: number) => number } | undefined>> = {
  sum: { start: 0, fold: plus, of: (a, b) => a + b },
  min: { start: Infinity, fold: least, of: Math.min },
  max: { start: -Infinity, fold: greatest, of: Math.max },
}

/** Rows that go through the same trees together, trees that a row walks side by side, and steps after which a walk may be over. */
const ROWS = 64, SIDE_BY_SIDE = 4, STEPS = 2, LONG = 8

/** Targets whose scores are written out one after another. */
const WRITTEN_OUT = 8

/** What the statements need to know of a call. */
interface Site {
  /** Nodes that are no leaves. */
  readonly inner: Dim
  readonly count: Dim
  readonly leaves: Dim
  readonly votes: Dim
  readonly listed: boolean
  readonly columns: Dim
  readonly type: RegisterType
  readonly attrs: TreeEnsembleAttrs
  readonly fold: (a: Expr, b: Expr) => Expr
}

function siteOf(ctx: ComputeContext<TreeEnsembleAttrs>): Site {
  const [x, nodes, , , weights, targets] = ctx.inputs as readonly [TensorType, TensorType, TensorType, TensorType, TensorType, TensorType | null]
  const [leaves, votes] = weights.shape as readonly [Dim, Dim], count = nodes.shape[0] as Dim
  const { fold } = AGGREGATES[ctx.attrs.aggregate] as { readonly fold: Site['fold'] }
  return { inner: sub(count, leaves), count, leaves, votes, listed: (targets ?? null) !== null, columns: x.shape[1] as Dim, type: REGISTER[weights.dtype], attrs: ctx.attrs, fold }
}

const at = (tree: number): Expr => local(`at_${tree}`, 'i32')
const isInside = ({ inner }: Site, tree: number): Expr => binary('lt', at(tree), indexValue(inner))

/** Goes on to the next node of a tree. */
const step = ({ count, columns }: Site, tree: number, name: string): readonly Stmt[] => [
  indexFrom(`node_${name}`, at(tree), count),
  indexFrom(`column_${name}`, load('x1', [mul(NODE_COLUMNS, `node_${name}`)]), columns),
  indexFrom(`side_${name}`, cast('i32', binary('gt', load('x0', [add(mul('row', columns), `column_${name}`)]), load('x2', [`node_${name}`]))), 2),
  setTo(`at_${tree}`, load('x1', [add(mul(NODE_COLUMNS, `node_${name}`), `side_${name}`, 1)])),
]

/** Walks `trees` trees to their leaves. */
function walk(site: Site, trees: readonly number[]): readonly Stmt[] {
  const { depth } = site.attrs, going = trees.map((t) => isInside(site, t)).reduce((a, b) => binary('or', a, b))
  if (site.inner === 0) return []
  const steps = (count: number): readonly Stmt[] => Array.from({ length: count }, (_, s) => trees.flatMap((t) => step(site, t, `${t}_${s}`))).flat()
  const pairs = (variable: string, most: number): Stmt => loopTo(variable, Math.ceil(most / STEPS), [when(going, steps(STEPS))])
  return [depth <= LONG ? pairs('pair', depth) : loopTo('stretch', Math.ceil(depth / LONG), [when(going, [pairs('pair', LONG)])])]
}

/** The place in the table of votes where those of the leaf that `tree` came to begin. */
const leafOf = ({ inner, leaves }: Site, tree: number): Stmt => indexFrom(`leaf_${tree}`, inner === 0 ? at(tree) : minus(at(tree), indexValue(inner)), leaves)
const weightOf = ({ votes }: Site, tree: number, i: Dim): Expr => load('x4', [add(mul(votes, `leaf_${tree}`), i)])

/** Folds the votes of the leaves that `trees` came to into the row's scores, tree by tree. */
function tally(site: Site, trees: readonly number[]): readonly Stmt[] {
  const { votes, attrs: { targets }, listed, fold } = site, score = (target: Dim): Dim => add(mul('row', targets), target)
  const folded = (target: Dim): Stmt => storeTo('y0', score(target), trees.reduce<Expr>((sum, t) => fold(sum, weightOf(site, t, target)), load('y0', [score(target)])))
  const found = trees.map((t) => leafOf(site, t))
  if (!listed) return [...found, ...(targets <= WRITTEN_OUT ? Array.from({ length: targets }, (_, t) => folded(t)) : [loopTo('target', targets, [folded('target')])])]
  const counted = (t: number, i: Dim): readonly Stmt[] => [
    { kind: 'data-index', name: `target_${t}`, value: load('x5', [add(mul(votes, `leaf_${t}`), i)]), extent: targets },
    storeTo('y0', score(`target_${t}`), fold(load('y0', [score(`target_${t}`)]), weightOf(site, t, i))),
  ]
  return [...found, ...trees.flatMap((t) => (votes === 1 ? counted(t, 0) : [loopTo(`vote_${t}`, votes, counted(t, `vote_${t}`))]))]
}

const startsOf = (site: Site): readonly Stmt[] => [loopTo('start', site.attrs.targets, [storeTo('y0', add(mul('row', site.attrs.targets), 'start'), number(site.type, AGGREGATES[site.attrs.aggregate]?.start ?? 0))])]

/** A row through the trees from `first` on. */
const through = (site: Site, first: Dim, count: number): { readonly roots: readonly Stmt[]; readonly row: readonly Stmt[] } => {
  const trees = Array.from({ length: count }, (_, t) => t)
  return {
    roots: trees.map((t) => letBe(`root_${t}`, 'i32', load('x3', [add(first, t)]))),
    row: [...trees.map((t) => varOf(`at_${t}`, 'i32', local(`root_${t}`, 'i32'))), ...walk(site, trees), ...tally(site, trees)],
  }
}

/** The kernel. */
export function treeEnsembleKernel(ctx: ComputeContext<TreeEnsembleAttrs>): Kernel {
  const site = siteOf(ctx), [x, , , roots] = ctx.inputs as readonly [TensorType, TensorType, TensorType, TensorType], rows = x.shape[0] as Dim, trees = roots.shape[0] as Dim
  const one = through(site, 'tree', 1)
  if (ctx.gpu !== undefined) return kernelOf('tree_ensemble', ctx, [eachOf('row', rows, [...startsOf(site), loopTo('tree', trees, [...one.roots, ...one.row])])])
  const ofBlock = (body: readonly Stmt[]): Stmt => ({ kind: 'for', variable: 'row', lo: 'first', hi: 'end', step: 1, body })
  const whole = mul(SIDE_BY_SIDE, floorDiv(trees, SIDE_BY_SIDE)), several = through(site, 'tree', SIDE_BY_SIDE)
  return kernelOf('tree_ensemble', ctx, [eachOf('block', ceilDiv(rows, ROWS), [
    indexIs('first', mul('block', ROWS)), indexIs('end', min(add(mul('block', ROWS), ROWS), rows)), ofBlock(startsOf(site)),
    ...(whole === 0 ? [] : [loopTo('tree', whole, [...several.roots, ofBlock(several.row)], SIDE_BY_SIDE)]),
    ...(sub(trees, whole) === 0 ? [] : [{ kind: 'for', variable: 'tree', lo: whole, hi: trees, step: 1, body: [...one.roots, ofBlock(one.row)] } satisfies Stmt]),
  ])])
}
