/**
 * Running sums on a GPU: a workgroup takes a block of a row at a time. Each invocation adds up a few neighbours, those sums are
 * summed in shared memory, and each goes over its neighbours again from the sum of all before.
 *
 *   block → shared memory · sums[t] = Σ of t's elements · every 16th invocation: sums of 16 sums · before = carry + whole sixteens + sums before t · store
 *
 * A row has one workgroup that goes from block to block, or, where rows are too few to keep a GPU busy, a workgroup for each
 * block: then a kernel before adds up the blocks, and another one those sums.
 */
import { add, ceilDiv, floorDiv, lt, min, mod, mul, select, sub, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import type { DType } from '../../base/dtype.js'
import { isBelow, load, local, REGISTER, selectExpr, type RegisterType } from '../kernel/expr.js'
import type { ChainedKernel, Kernel, SharedBuffer, Stmt } from '../kernel/kernel.js'
import { BARRIER, eachOf, indexIs, invocations, letBe, loopTo, setTo, storeTo, varOf, when } from '../kernel/statements.js'
import type { TensorType } from '../types.js'
import { elementAlong, knownRows, rowsAlong, shareRows, type RowsAlong } from './along-axis.js'
import { number, plus } from './expressions.js'
import { kernelOf } from './hand-written.js'
import type { RunningAttrs } from './running.js'

/** Elements of a block at most, and invocations. */
const BLOCK = 2048, MOST = 256, LEAST = 32
/** Sums that one invocation adds up of others. */
const FOLDED = 16
/** Blocks of a row that its only workgroup may take, where a GPU has more; and rows with which it has not. */
const FEW_BLOCKS = 4, ENOUGH_ROWS = 64

/** What is summed: elements of rows, in the order of the sum. */
interface Rows {
  readonly type: RegisterType
  readonly exclusive: boolean
  readonly length: Dim
  readonly at: (row: Dim, i: Dim) => Dim
  readonly from: string
  readonly to: string
}

function rowsOf(ctx: ComputeContext<RunningAttrs>): { readonly rows: Rows; readonly along: RowsAlong } {
  const [x] = ctx.inputs as readonly [TensorType], { axis, exclusive, reverse } = ctx.attrs, along = rowsAlong(x.shape, axis), { length } = along
  const at = (row: Dim, i: Dim): Dim => elementAlong(along, row, reverse ? sub(sub(length, 1), i) : i)
  return { along, rows: { type: REGISTER[x.dtype], exclusive, length, at, from: 'x0', to: 'y0' } }
}

const ELEMENTS: Readonly<Partial<Record<RegisterType, DType>>> = { f32: 'float32', i32: 'int32', u32: 'uint32' }

/** Invocations of a block, how many elements each has, and the distance between those in shared memory: odd, so that neighbours lie in other banks. */
interface Block { readonly threads: number; readonly each: number; readonly pitch: number }

function blockFor(length: Dim): Block {
  const size = typeof length !== 'number' ? BLOCK : Math.min(BLOCK, Math.max(64, 2 ** Math.ceil(Math.log2(length))))
  const threads = Math.min(MOST, Math.max(LEAST, size / 4)), each = size / threads
  return { threads, each, pitch: each % 2 === 0 ? each + 1 : each }
}

/** The sums of a block of `row` from element `base` on, after `carry`; with `next`, `carry` then has all of it. */
function blockStatements({ type, exclusive, length, at, from, to }: Rows, row: Dim, base: Dim, { threads, each, pitch }: Block, next: boolean): Stmt[] {
  const tops = threads / FOLDED, own = add(mul(pitch, 't'), 'e')
  const inShared = (i: Dim): Dim => add(mul(pitch, floorDiv(i, each)), mod(i, each)), brought = add('t', mul(threads, 'c')), element = add(base, brought)
  const sum = local('sum', type), before = local('before', type), item = load('block', [own])
  return [
    loopTo('c', each, [storeTo('block', inShared(brought), selectExpr(isBelow(element, length), load(from, [at(row, min(element, sub(length, 1)))]), number(type, 0)))]),
    BARRIER,
    varOf('sum', type, number(type, 0)),
    loopTo('e', each, [setTo('sum', plus(sum, item))]),
    storeTo('sums', 't', sum), BARRIER,
    when(isBelow('t', tops), [
      varOf('top', type, number(type, 0)),
      loopTo('g', FOLDED, [
        letBe('part', type, load('sums', [add(mul(FOLDED, 't'), 'g')])),
        storeTo('sums', add(mul(FOLDED, 't'), 'g'), local('top', type)),
        setTo('top', plus(local('top', type), local('part', type))),
      ]),
      storeTo('tops', 't', local('top', type)),
    ]),
    BARRIER,
    varOf('before', type, local('carry', type)),
    loopTo('g', floorDiv('t', FOLDED), [setTo('before', plus(before, load('tops', ['g'])))]),
    setTo('before', plus(before, load('sums', ['t']))),
    loopTo('e', each, [
      letBe('item', type, item),
      ...(exclusive ? [storeTo('block', own, before)] : []),
      setTo('before', plus(before, local('item', type))),
      ...(exclusive ? [] : [storeTo('block', own, before)]),
    ]),
    ...(next ? [loopTo('g', tops, [setTo('carry', plus(local('carry', type), load('tops', ['g'])))])] : []),
    BARRIER,
    loopTo('c', each, [when(isBelow(element, length), [storeTo(to, at(row, element), load('block', [inShared(brought)]))])]),
  ]
}

function sharedOf(type: RegisterType, { threads, pitch }: Block, staged = true): readonly SharedBuffer[] {
  const dtype = ELEMENTS[type] ?? 'float32'
  return [...(staged ? [{ name: 'block', dtype, length: threads * pitch }] : []), { name: 'sums', dtype, length: threads }, { name: 'tops', dtype, length: threads / FOLDED }]
}

/** Rows one after the other, a workgroup for each. */
function wholeRows(rows: Rows, count: Dim): { readonly body: readonly Stmt[]; readonly shared: readonly SharedBuffer[] } {
  const block = blockFor(rows.length), size = block.threads * block.each, isOne = typeof rows.length === 'number' && rows.length <= size
  const carry = varOf('carry', rows.type, number(rows.type, 0)), blocks = (base: Dim): Stmt[] => blockStatements(rows, 'row', base, block, !isOne)
  const body = eachOf('row', count, [invocations('t', block.threads, [carry, ...(isOne ? blocks(0) : [loopTo('base', mul(size, ceilDiv(rows.length, size)), blocks('base'), size)])])])
  return { body: [body], shared: sharedOf(rows.type, block) }
}

/** One invocation for each row, or each block of one. */
function serial({ type, exclusive, length, at, from, to }: Rows, row: Dim, base: Dim, size: Dim): Stmt[] {
  const sum = local('sum', type), element = at(row, add(base, 'k'))
  const next = setTo('sum', plus(sum, load(from, [element]))), store = storeTo(to, element, sum)
  return [loopTo('k', min(size, sub(length, base)), exclusive ? [letBe('item', type, load(from, [element])), store, setTo('sum', plus(sum, local('item', type)))] : [next, store])]
}

/** The kernel of a scan for a GPU where one does. */
export function scanKernel(ctx: ComputeContext<RunningAttrs>): Kernel {
  const { rows, along } = rowsOf(ctx), zero = varOf('sum', rows.type, number(rows.type, 0))
  if (ctx.gpu === 'groups' && ELEMENTS[rows.type] !== undefined && shareRows(along)) { const { body, shared } = wholeRows(rows, along.rows); return kernelOf('cumsum', ctx, body, { shared }) }
  return kernelOf('cumsum', ctx, along.rows === 0 ? [] : [eachOf('row', along.rows, [zero, ...serial(rows, 'row', 0, rows.length)])])
}

/** The kernels of a scan of few long rows, or of rows of unknown length: sums of blocks, sums of those, sums within blocks. */
export function scanChain(ctx: ComputeContext<RunningAttrs>): readonly ChainedKernel[] | undefined {
  const { rows, along } = rowsOf(ctx), { length } = along
  if (ELEMENTS[rows.type] === undefined || !shareRows(along)) return undefined
  if (typeof length === 'number' && (length <= FEW_BLOCKS * BLOCK || knownRows(along) >= ENOUGH_ROWS)) return undefined
  const blocks = ceilDiv(length, BLOCK), points = mul(along.rows, blocks), isLong = lt(BLOCK, length), temps = [{ name: 'blocks', dtype: ELEMENTS[rows.type] ?? 'float32', length: points }]
  const ofBlocks: Rows = { type: rows.type, exclusive: true, length: blocks, at: (row, i) => add(mul(row, blocks), i), from: 'blocks', to: 'blocks' }
  const row = indexIs('row', floorDiv('point', blocks)), base = indexIs('base', mul(BLOCK, mod('point', blocks))), byGroups = ctx.gpu === 'groups'
  // Where no row has more than a block, the first two have nothing to do.
  const some = (count: Dim): Dim => select(isLong, count, 0)
  const zero = (name: string): Stmt => varOf(name, rows.type, number(rows.type, 0)), block = blockFor(BLOCK), before = (name: string): Stmt[] => [zero(name), when(isBelow(0, 'base'), [setTo(name, load('blocks', ['point']))])]
  const kernel = (name: string, body: readonly Stmt[], shared: readonly SharedBuffer[], uses: readonly string[]): ChainedKernel => ({ kernel: kernelOf(name, ctx, body, { temps, shared }, uses) })
  if (!byGroups) return [
    kernel('blocks', [eachOf('point', some(points), [row, base, zero('sum'), loopTo('k', min(BLOCK, sub(length, 'base')), [setTo('sum', plus(local('sum', rows.type), load('x0', [rows.at('row', add('base', 'k'))])))]), storeTo('blocks', 'point', local('sum', rows.type))])], [], ['x0']),
    kernel('sums', [eachOf('row', some(along.rows), [zero('sum'), ...serial(ofBlocks, 'row', 0, blocks)])], [], []),
    kernel('rows', [eachOf('point', points, [row, base, ...before('sum'), ...serial(rows, 'row', 'base', BLOCK)])], [], ['x0', 'y0']),
  ]
  const sums = wholeRows(ofBlocks, some(along.rows))
  return [
    kernel('blocks', [eachOf('point', some(points), [row, base, invocations('t', block.threads, blockSum(rows, block))])], sharedOf(rows.type, block, false), ['x0']),
    kernel('sums', sums.body, sums.shared, []),
    kernel('rows', [eachOf('point', points, [row, base, invocations('t', block.threads, [...before('carry'), ...blockStatements(rows, 'row', 'base', block, false)])])], sharedOf(rows.type, block), ['x0', 'y0']),
  ]
}

/** The sum of a block, to where block sums are. */
function blockSum({ type, length, at, from }: Rows, { threads, each }: Block): Stmt[] {
  const element = add('base', 't', mul(threads, 'c')), sum = (name: string, buffer: string, index: Dim, count: number): Stmt[] => [varOf(name, type, number(type, 0)), loopTo('g', count, [setTo(name, plus(local(name, type), load(buffer, [index])))])]
  return [
    varOf('own', type, number(type, 0)),
    loopTo('c', each, [when(isBelow(element, length), [setTo('own', plus(local('own', type), load(from, [at('row', element)])))])]),
    storeTo('sums', 't', local('own', type)), BARRIER,
    when(isBelow('t', threads / FOLDED), [...sum('top', 'sums', add(mul(FOLDED, 't'), 'g'), FOLDED), storeTo('tops', 't', local('top', type))]), BARRIER,
    when(isBelow('t', 1), [...sum('whole', 'tops', 'g', threads / FOLDED), storeTo('blocks', 'point', local('whole', type))]),
  ]
}
