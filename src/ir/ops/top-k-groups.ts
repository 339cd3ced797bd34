/**
 * Sorting on a GPU. A workgroup sorts a block of a row in shared memory: runs of one element become runs of four, and so on, by
 * places (`merge-places.ts`). Blocks of longer rows are runs in scratch memory, of which each has no more elements than are
 * wanted; four become one in each further kernel, where every element has an invocation, and the last of these stores the results.
 *
 *   sort blocks of 1024 · merge four runs, from one half of the scratch memory to the other · … · merge the last four at most
 *
 * Where a row's length is a symbol there are kernels for every length that a GPU can hold, of which those too many have no work.
 */
import { add, ceilDiv, floorDiv, lt, min, mod, mul, select, sub, type Dim } from '../dims.js'
import type { DType } from '../../base/dtype.js'
import type { ComputeContext } from '../kernel/compute.js'
import { binary, cast, constant, indexValue, isBelow, load, local, REGISTER, type Expr, type RegisterType } from '../kernel/expr.js'
import type { ChainedKernel, Kernel, SharedBuffer, Stmt } from '../kernel/kernel.js'
import { BARRIER, eachOf, indexFrom, indexIs, invocations, letBe, loopTo, storeTo, when } from '../kernel/statements.js'
import type { TensorType } from '../types.js'
import { elementAlong, rowsAlong, shareRows, type RowsAlong } from './along-axis.js'
import { kernelOf } from './hand-written.js'
import { lengthOfRun, MERGED, placeOf, stepsFor, type Runs } from './merge-places.js'
import { KEYS, keyOf } from './sort-keys.js'
import { insertRow } from './top-k-row.js'

export interface TopKAttrs { readonly axis: number; readonly largest: boolean; readonly k: Dim }

/** Elements of a block at most, which fill shared memory twice with keys and positions. */
const BLOCK = 1024, LEAST_BLOCK = 32
const MOST_THREADS = 256, LEAST_THREADS = 32
/** Elements up to which a single invocation inserts each in its place; beyond that, workgroups are better even where they are slow. */
const FEW = 64
/** More elements than any GPU binds at once. */
const LONGEST = 2 ** 28

/** What is sorted. */
interface Site {
  readonly ctx: ComputeContext<TopKAttrs>
  readonly x: TensorType
  /** Rows of the input, and of the results. */
  readonly along: RowsAlong
  readonly into: RowsAlong
  readonly k: Dim
  readonly key: { readonly type: RegisterType; readonly dtype: DType }
  readonly precedes: 'gt' | 'lt'
}

/** A block: its elements, and the invocations that sort it. */
interface Block { readonly size: number; readonly threads: number }

/** The site of a call; undefined where rows are too short to share. */
function siteOf(ctx: ComputeContext<TopKAttrs>): Site | undefined {
  const [x] = ctx.inputs as readonly [TensorType], { axis, largest, k } = ctx.attrs, along = rowsAlong(x.shape, axis), key = KEYS[REGISTER[x.dtype]]
  return key === undefined || k === 0 || !shareRows(along) ? undefined : { ctx, x, along, into: { ...along, length: k }, k, key, precedes: largest ? 'gt' : 'lt' }
}

function blockOf(length: Dim): Block {
  const size = typeof length !== 'number' ? BLOCK : Math.min(BLOCK, Math.max(LEAST_BLOCK, 2 ** Math.ceil(Math.log2(length))))
  return { size, threads: Math.min(MOST_THREADS, Math.max(LEAST_THREADS, size / MERGED)) }
}

const byGroups = ({ ctx: { gpu }, k }: Site): boolean => gpu === 'groups' || typeof k !== 'number' || k > FEW

const sharedOf = ({ key }: Site, { size }: Block): readonly SharedBuffer[] => [{ name: 'block_keys', dtype: key.dtype, length: 2 * size }, { name: 'block_positions', dtype: 'int32', length: 2 * size }]

/** `body` for every element `i` of a block, each by one invocation. */
const eachElement = ({ size, threads }: Block, body: readonly Stmt[]): Stmt => loopTo('c', size / threads, [indexIs('i', add('t', mul(threads, 'c'))), ...body])

/** Sorts the block of `row` that begins at `base` in shared memory, and gives to `store` where there element `i` of the sorted block is. */
function sortBlock(site: Site, block: Block, row: Dim, base: Dim, store: (at: Dim) => readonly Stmt[]): Stmt[] {
  const { along, key, k, x } = site, { size } = block, passes = Math.ceil(Math.log2(size) / Math.log2(MERGED))
  return [
    indexIs('count', min(size, sub(along.length, base))),
    eachElement(block, [when(isBelow('i', 'count'), [
      ...keyOf('own', load('x0', [elementAlong(along, row, add(base, 'i'))]), REGISTER[x.dtype]),
      storeTo('block_keys', 'i', local('own', key.type)),
      storeTo('block_positions', 'i', indexValue(min(add(base, 'i'), sub(along.length, 1)))),
    ])]),
    BARRIER,
    loopTo('pass', passes, mergePass(site, block)),
    eachElement(block, [when(isBelow('i', min(k, 'count')), store(add(size * (passes % 2), 'i')))]),
  ]
}

/** Runs of `span` = 4^pass elements become runs of four times as many, in the other half of shared memory. */
function mergePass({ key, precedes, k }: Site, block: Block): Stmt[] {
  const { size } = block, kept = typeof k === 'number' && k < size ? k : undefined, shift = mul(Math.log2(MERGED), 'pass'), i = indexValue('i'), one = constant('i32', 1), bits = (span: Dim): Expr => binary('and', i, indexValue(sub(span, 1)))
  const from = mul(size, mod('pass', 2)), to = sub(size, from), steps = kept === undefined ? add(shift, 1) : min(add(shift, 1), stepsFor(kept))
  const runs: Runs = { merged: MERGED, steps, count: 'runs', length: (run) => lengthOfRun(run, 'span', 'count', kept), keyAt: (run, at) => load('block_keys', [add(from, mul(run, 'span'), at)]), type: key.type, precedes }
  const isIn = isBelow('i', 'count')
  return [
    indexFrom('span', binary('shl', one, indexValue(shift)), size), indexIs('runs', floorDiv(add('count', 'span', -1), 'span')),
    eachElement(block, [
      indexFrom('run', binary('shr', i, indexValue(shift)), size), indexFrom('at', bits('span'), size),
      when(kept === undefined ? isIn : binary('and', isIn, isBelow('at', kept)), [
        letBe('own', key.type, load('block_keys', [add(from, 'i')])),
        ...placeOf(runs, size),
        indexFrom('group', binary('sub', i, bits(mul(MERGED, 'span'))), size),
        storeTo('block_keys', add(to, 'group', 'to'), local('own', key.type)),
        storeTo('block_positions', add(to, 'group', 'to'), load('block_positions', [add(from, 'i')])),
      ]),
    ]),
    BARRIER,
  ]
}

/** Stores element `at` of a row's results, whose position is `position`. */
function storeResult({ along, into }: Site, row: Dim, at: Dim, position: Expr): readonly Stmt[] {
  return [
    letBe('position', 'i32', position), indexFrom('from', local('position', 'i32'), along.length),
    storeTo('y0', elementAlong(into, row, at), load('x0', [elementAlong(along, row, 'from')])),
    storeTo('y1', elementAlong(into, row, at), cast('i64', local('position', 'i32'))),
  ]
}

/** The kernel for a GPU where one does: rows that fit a workgroup; for others, and by points, an invocation for each row. */
export function topKKernel(ctx: ComputeContext<TopKAttrs>): Kernel {
  const site = siteOf(ctx)
  if (site !== undefined && byGroups(site) && typeof site.along.length === 'number' && site.along.length <= BLOCK) {
    const block = blockOf(site.along.length)
    const body = [invocations('t', block.threads, sortBlock(site, block, 'row', 0, (at) => storeResult(site, 'row', 'i', load('block_positions', [at]))))]
    return kernelOf('top_k', ctx, [eachOf('row', site.along.rows, body)], { shared: sharedOf(site, block) })
  }
  const [x] = ctx.inputs as readonly [TensorType], { axis, largest, k } = ctx.attrs, along = rowsAlong(x.shape, axis), type = REGISTER[x.dtype]
  const element = [letBe('x', type, load('x0', [elementAlong(along, 'row', 'j')]))]
  const row = insertRow({ type, largest, length: along.length, k, element, place: (p) => elementAlong({ ...along, length: k }, 'row', p), values: 'y0', positions: 'y1', as: 'i64' })
  return kernelOf('top_k', ctx, along.rows === 0 ? [] : [eachOf('row', along.rows, row)])
}

/** Scratch memory of rows in blocks: of each row `stride` elements, of the whole twice as many where runs go to and fro. */
interface Scratch { readonly blocks: Dim; readonly stride: Dim; readonly whole: Dim; readonly halves: 1 | 2 }

/** The kernels for rows that do not fit a workgroup, or may not. */
export function topKChain(ctx: ComputeContext<TopKAttrs>): readonly ChainedKernel[] | undefined {
  const site = siteOf(ctx)
  if (site === undefined || (typeof site.along.length === 'number' && site.along.length <= BLOCK)) return undefined
  const { along: { rows, length }, k, key } = site, passes = passesOf(length, k), blocks = ceilDiv(length, BLOCK), stride = min(length, mul(blocks, k))
  const scratch: Scratch = { blocks, stride, whole: mul(rows, stride), halves: passes.length > 1 ? 2 : 1 }
  const temps = [{ name: 'keys', dtype: key.dtype, length: mul(scratch.halves, scratch.whole) }, { name: 'positions', dtype: 'int32' as const, length: mul(scratch.halves, scratch.whole) }]
  const block = blockOf(BLOCK), [first, between, last] = [byGroups(site) ? [invocations('t', block.threads, blockByGroup(site, scratch, block))] : blockByPoint(site, scratch), mergeRuns(site, scratch, false), mergeRuns(site, scratch, true)]
  const params = ['size', 'runs', 'steps', 'half']
  const place = [indexIs('row', floorDiv('point', blocks)), indexIs('block', mod('point', blocks)), indexIs('base', mul(BLOCK, 'block'))]
  const sort = kernelOf('blocks', ctx, [eachOf('point', mul(rows, blocks), [...place, ...first])], { temps, shared: byGroups(site) ? sharedOf(site, block) : [] }, ['x0'])
  const merge = kernelOf('merge', ctx, [between], { temps, params }, []), end = kernelOf('last', ctx, [last], { temps, params })
  return [{ kernel: sort }, ...passes.map((values, i): ChainedKernel => ({ kernel: i + 1 < passes.length ? merge : end, params: { ...values } }))]
}

const placeIn = ({ stride }: Scratch, { k }: Site, row: Dim, block: Dim, at: Dim): Dim => add(mul(row, stride), mul(block, min(k, BLOCK)), at)

function blockByGroup(site: Site, scratch: Scratch, block: Block): readonly Stmt[] {
  return sortBlock(site, block, 'row', 'base', (at) => [
    indexIs('to', placeIn(scratch, site, 'row', 'block', 'i')),
    storeTo('keys', 'to', load('block_keys', [at])), storeTo('positions', 'to', load('block_positions', [at])),
  ])
}

function blockByPoint(site: Site, scratch: Scratch): readonly Stmt[] {
  const { along, x, key, k, precedes } = site, size = min(BLOCK, sub(along.length, 'base')), element = keyOf('x', load('x0', [elementAlong(along, 'row', add('base', 'j'))]), REGISTER[x.dtype])
  return insertRow({ type: key.type, largest: precedes === 'gt', length: size, k: min(k, size), element, base: 'base', place: (p) => placeIn(scratch, site, 'row', 'block', p), values: 'keys', positions: 'positions', as: 'i32' })
}

/** What a merge is called with: elements of a row that a run is of, how many runs there are (none where it has no work), steps of a search in one, and the half of the scratch memory that they lie in. */
interface Pass { readonly size: Dim; readonly runs: Dim; readonly steps: Dim; readonly half: Dim }

/** The merges of rows of `length`, of which the last gives the results. */
function passesOf(length: Dim, k: Dim): readonly Pass[] {
  const passes: Pass[] = [], most = typeof length === 'number' ? length : LONGEST, pass = (size: number, half: number): Pass => ({ size, runs: ceilDiv(length, size), steps: stepsFor(typeof k === 'number' ? Math.min(size, k) : size), half })
  let last = pass(BLOCK, 0)
  for (let size = BLOCK, half = 0; size * MERGED < most; size *= MERGED, half = 1 - half) {
    const goesOn = lt(size * MERGED, length), own = pass(size, half), next = pass(size * MERGED, 1 - half)
    passes.push({ ...own, runs: select(goesOn, own.runs, 0) })
    last = { size: select(goesOn, next.size, last.size), runs: select(goesOn, next.runs, last.runs), steps: select(goesOn, next.steps, last.steps), half: select(goesOn, next.half, last.half) }
  }
  return [...passes, last]
}

/** Merges runs four by four; the last time to where the results are. */
function mergeRuns(site: Site, { stride, whole, halves }: Scratch, isLast: boolean): Stmt {
  const { along: { rows, length }, k, key, precedes } = site, from = add('begin', mul('run', 'longest'), 'at')
  const start = (half: Dim): Dim => add(mul(half, halves === 2 ? whole : 0), mul('row', stride)), lengthOf = (run: Dim): Dim => lengthOfRun(run, 'size', length, k)
  const runs: Runs = { merged: MERGED, steps: 'steps', count: 'runs', length: lengthOf, keyAt: (run, at) => load('keys', [add('begin', mul(run, 'longest'), at)]), type: key.type, precedes }
  const further = [
    indexIs('target', add(start(sub(1, 'half')), mul(floorDiv('run', MERGED), min(k, mul(MERGED, 'size'))), 'to')),
    storeTo('keys', 'target', local('own', key.type)), storeTo('positions', 'target', load('positions', [from])),
  ]
  return eachOf('point', mul(rows, 'runs', min(k, 'size')), [
    indexIs('longest', min(k, 'size')), indexIs('at', mod('point', 'longest')), indexIs('run', mod(floorDiv('point', 'longest'), 'runs')), indexIs('row', floorDiv('point', mul('longest', 'runs'))), indexIs('begin', start('half')),
    when(isBelow('at', lengthOf('run')), [
      letBe('own', key.type, load('keys', [from])),
      ...placeOf(runs, mul(MERGED, 'longest')),
      when(isBelow('to', k), isLast ? storeResult(site, 'row', 'to', load('positions', [from])) : further),
    ]),
  ])
}
