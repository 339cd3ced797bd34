/** The kernel of attention: heads are independent; each has its scratch, of which none is as large as the scores. */
import { visitSymbols } from '../../base/dim.js'
import { lt, mul, product, select, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import { binary, constant, indexValue, REGISTER, type Expr } from '../kernel/expr.js'
import type { ChainedKernel, Kernel, KernelBuffer, Stmt } from '../kernel/kernel.js'
import type { TensorType } from '../types.js'
import { attentionBlocks } from './attention-blocks.js'
import { attentionFew, fewBuffers } from './attention-few.js'
import { attentionGroups, groupBuffers } from './attention-groups.js'
import type { AttentionAttrs } from './attention-layout.js'
import { packedLengths } from './attention-packing.js'
import { attentionPoints } from './attention-points.js'
import { attentionRows } from './attention-rows.js'
import { attentionScalars } from './attention-scalars.js'
import { attentionSite, beginHead, BLOCK, type AttentionSite } from './attention-site.js'

export function attentionKernel(ctx: ComputeContext<AttentionAttrs>): Kernel {
  const site = attentionSite(ctx), { extents: { batch, heads, queries, keys, depth } } = site
  const all = mul(batch, heads), packed = packedLengths(site, all)
  const [q] = ctx.inputs as [TensorType], dtype = q.dtype === 'float64' ? 'float64' : 'float32', isFast = q.dtype === 'float32'
  if (onGpu(ctx, site)) return gpuKernel(ctx, site, ctx.gpu === 'points' ? 'points' : lt(queries, FEW + 1) === 1 ? 'few' : 'tiles', all)
  const temp = (name: string, length: Dim): KernelBuffer => ({ name, dtype, length, role: 'temp' })
  const buffers: readonly KernelBuffer[] = [
    ...ctx.buffers.map((b) => ({ name: b.name, dtype: b.dtype, length: product(b.shape), role: b.role })),
    temp('scores', mul(all, BLOCK, keys)),
    ...(isFast ? [temp('block', mul(all, BLOCK, depth)), temp('peaks', mul(all, BLOCK)), temp('keys', packed.keys), temp('values', packed.values)] : []),
  ]
  const params = new Set<string>()
  for (const d of [all, queries, keys, ...buffers.map((b) => b.length)]) visitSymbols(d, (s) => params.add(s))
  const head: Stmt = { kind: 'for', variable: 'z', lo: 0, hi: all, step: 1, parallel: true, body: [
    ...beginHead(ctx, site),
    ...(isFast ? chosen([[queries, BLOCK], [keys, site.tile]], attentionBlocks(site), attentionRows(site)) : attentionScalars(site, REGISTER[dtype])),
  ] }
  return { name: 'attention', params: [...params].sort(), buffers, body: [head] }
}

/** Up to so many queries each has a workgroup of its own: half of a tile of queries would be empty, and most of a GPU idle. */
const FEW = 16

const onGpu = (ctx: ComputeContext<AttentionAttrs>, { extents: { depth, width } }: AttentionSite): boolean => ctx.gpu !== undefined && ctx.inputs[0]?.dtype !== 'float64' && depth > 0 && width > 0

/** The kernel for a GPU, which needs no scratch but the workgroups'. */
function gpuKernel(ctx: ComputeContext<AttentionAttrs>, site: AttentionSite, by: 'few' | 'tiles' | 'points', heads: Dim): Kernel {
  const { queries, keys } = site.extents, begin = beginHead(ctx, site).filter((s) => s.kind === 'index' && s.name !== 'scores_at')
  const buffers = ctx.buffers.map((b): KernelBuffer => ({ name: b.name, dtype: b.dtype, length: product(b.shape), role: b.role })), params = new Set<string>()
  for (const d of [heads, queries, keys, ...buffers.map((b) => b.length)]) visitSymbols(d, (s) => params.add(s))
  const kernel = { name: by, params: [...params].sort(), buffers }
  // Nothing to do.
  if (mul(heads, queries) === 0) return { ...kernel, body: [] }
  switch (by) {
    case 'few': return { ...kernel, shared: fewBuffers(site), body: [attentionFew(site, heads, begin)] }
    case 'tiles': return { ...kernel, shared: groupBuffers(site), body: [attentionGroups(site, heads, begin)] }
    case 'points': return { ...kernel, body: [attentionPoints(site, heads, begin)] }
  }
}

/** Where queries are counted at run time, the kernels for few and for more of them: one of the two has work. */
export function attentionChain(ctx: ComputeContext<AttentionAttrs>): readonly ChainedKernel[] | undefined {
  const site = attentionSite(ctx), { batch, heads, queries } = site.extents, all = mul(batch, heads), isFew = lt(queries, FEW + 1)
  if (!onGpu(ctx, site) || typeof isFew === 'number') return undefined
  if (ctx.gpu === 'points') return [{ kernel: gpuKernel(ctx, site, 'points', all) }, { kernel: gpuKernel(ctx, site, 'points', 0) }]
  return [{ kernel: gpuKernel(ctx, site, 'few', select(isFew, all, 0)) }, { kernel: gpuKernel(ctx, site, 'tiles', select(isFew, 0, all)) }]
}

/** `then` where each extent has at least its least, else `otherwise`; decided here for numbers. */
function chosen(needs: readonly (readonly [Dim, number])[], then: readonly Stmt[], otherwise: readonly Stmt[]): readonly Stmt[] {
  if (needs.some(([extent, least]) => typeof extent === 'number' && extent < least)) return otherwise
  const open = needs.filter(([extent]) => typeof extent !== 'number')
  if (open.length === 0) return then
  const condition = open.map(([extent, least]): Expr => binary('ge', indexValue(extent), constant('i32', least))).reduce((a, b) => binary('and', a, b))
  return [{ kind: 'if', condition, then, else: otherwise }]
}
